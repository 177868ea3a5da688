#!/usr/bin/env bash
# A night: nightly.sh LOG STATE trains on today's log, going on from yesterday's model, measures, and puts the index into
# place, where a service that has it open follows by itself. What fails leaves yesterday's index as it is.
#   ELSA_INDEX: the program. LEAST: nDCG@100 below which a model is not taken (0: every one is). METADATA: a table with
#   item_id, title and others.
set -euo pipefail
log=${1:?the log}
state=${2:?the directory of models and the index}
elsa=${ELSA_INDEX:-elsa-index}
least=${LEAST:-0}
work=$(mktemp -d "$state/night.XXXXXX")
trap 'rm -rf "$work"' EXIT

# How good is training on this log? Measured with a tenth of the users kept from it.
"$elsa" split "$log" -o "$work/split"
"$elsa" train "$work/split/train.parquet" -o "$work/measured" --model slim
"$elsa" build "$work/measured" -o "$work/measured.index" --engine exact --no-segments
"$elsa" evaluate "$work/measured.index" "$work/split" --json > "$work/quality.json"
python3 - "$work/quality.json" "$least" <<'PY'
import json, sys
found = json.load(open(sys.argv[1]))["metrics"]["ndcg@100"]["mean"]
print(f"nDCG@100 {found:.4f}, at least {sys.argv[2]} is wanted")
sys.exit(found < float(sys.argv[2]))
PY

# All users, from yesterday's codes if there are any: codes that hardly moved stay.
init=()
[ ! -d "$state/model" ] || init=(--init "$state/model")
[ "${#init[@]}" -gt 0 ] || init=(--model slim)
"$elsa" train "$log" -o "$work/model" "${init[@]}"
metadata=()
[ -z "${METADATA:-}" ] || metadata=(--metadata "$METADATA")
"$elsa" build "$work/model" -o "$state/catalogue.index" --overwrite "${metadata[@]}"
rm -rf "$state/model.before"
[ ! -d "$state/model" ] || mv "$state/model" "$state/model.before"
mv "$work/model" "$state/model"
