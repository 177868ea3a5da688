"""Lucene against FAISS on Gowalla: the table and the chart of docs/benchmarks/lucene-or-faiss.md.

Command: python -m benchmarks.gowalla SPLIT_DIR [--models DIR] [--users 1000]
    Training takes half an hour where DIR lacks the models, building the indexes five minutes, measuring five.

Sparse codes of 16 and 128 nonzeros per item (1,024 dimensions, the defaults of `elsa-index train`, seed 42), and dense
ELSA of 320 and 768 dimensions, chosen so that nDCG@100 is within 1 % of theirs; dense ELSA of 2,048 dimensions beside
them, whatever it costs. The report is that of `elsa-index bench`.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import elsa_index as ei
from benchmarks.records import RESULTS
from elsa_index.bench.measure import bench
from elsa_index.bench.questions import Questions
from elsa_index.bench.report import write_front

MODELS: dict[str, dict[str, Any]] = {
    "sparse16": {"dims": 1024, "nnz": 16, "epochs": 1},
    "sparse128": {"dims": 1024, "nnz": 128, "epochs": 1},
    "dense320": {"dims": 320, "dense": True, "epochs": 5},
    "dense768": {"dims": 768, "dense": True, "epochs": 5},
    "dense2048": {"dims": 2048, "dense": True, "epochs": 6},
}
INDEXES = {
    "sparse16": ("lucene", "exact", "seismic", "faiss-flat"),
    "sparse128": ("lucene",),
    "dense320": ("faiss-flat", "faiss-sq8", "faiss-hnsw", "faiss-ivfpq"),
    "dense768": ("faiss-flat", "faiss-hnsw"),
    "dense2048": ("faiss-flat",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("--models", type=Path, default=Path("benchmark-models"))
    parser.add_argument("--users", type=int, default=1000)
    given = parser.parse_args()
    split = ei.Split.load(given.split)
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for model, engines in INDEXES.items():
            saved = given.models / f"gowalla-{model}"
            if not saved.exists():
                print(f"training {model}", flush=True)
                ei.train(split.train, ei.TrainingConfig(seed=42, **MODELS[model])).save(saved)
            codes = ei.ItemCodes.load(saved)
            for engine in engines:
                path = Path(directory) / f"{model}-{engine.removeprefix('faiss-')}"
                try:
                    ei.Index.build(codes, path, engine=engine, segments=None).close()
                except ei.UsageError as error:  # the optional engine is not installed
                    print(f"{path.name}: {error}", flush=True)
                    continue
                print(f"built {path.name}", flush=True)
                paths.append(path)
        report = bench(paths, Questions.of_split(split, given.users), say=lambda text: print(text, flush=True))
    found = report.to_json()
    for measured in found["measured"]:
        del measured["histogram_ms"]
    (RESULTS / "gowalla.json").write_text(json.dumps(found, indent=1) + "\n")
    write_front(report, RESULTS / "gowalla.svg")


if __name__ == "__main__":
    main()
