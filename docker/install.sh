#!/bin/sh
# Installs elsa-index for serving, without torch, CUDA and FAISS: 500 MB instead of 6 GB.
# Usage: docker/install.sh [PYTHON], in the project's directory; the image runs it, and so does a test.
set -eu
python=${1:-python3}
"$python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps -r docker/requirements.txt
"$python" -m pip install --quiet --no-cache-dir --disable-pip-version-check --no-deps .
