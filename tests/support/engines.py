"""Every engine as a parameter of tests."""

from importlib.util import find_spec

import pytest

from elsa_index.engines import ENGINES

_MISSING = "Seismic is not installed: pyseismic-lsr has no wheel for this Python"
EVERY_ENGINE = [
    pytest.param(name, marks=pytest.mark.skipif(name == "seismic" and find_spec("seismic") is None, reason=_MISSING))
    for name in ENGINES
]
"""One an engine; skipped, with the reason, where its library cannot be had."""
EVERY_ENGINE_HERE = [engine for engine in EVERY_ENGINE if engine.values != ("opensearch",)]
"""Those that need no cluster."""
