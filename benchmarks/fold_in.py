"""Items folded into yesterday's model, beside training again, leaving them out, and popularity.

Command: make demo && python -m benchmarks.fold_in (ten minutes)

The demo's ratings of four stars or more, by time; see `elsa_index.fold_in_quality`.
"""

from pathlib import Path

import elsa_index as ei

from .records import update

RATINGS = Path("demo-output/ratings.csv")
CUTS = ((0.5, 0.7), (0.6, 0.8), (0.7, 0.9))
MODELS: dict[str, ei.TrainingConfig | ei.SlimConfig] = {
    "Compressed ELSA": ei.TrainingConfig(dims=1024, nnz=16, epochs=5),
    "SLIM": ei.SlimConfig(regularisation=100),
}


def main() -> None:
    log = ei.read_interactions(RATINGS, value_column="rating", min_value=4, time_column="timestamp")
    for model, config in MODELS.items():
        for cut, end in CUTS:
            found = ei.fold_in_quality(log, config, cut, end, on_way=print).to_json()
            about = {"model": model} | {name: value for name, value in found.items() if name != "ndcg@100"}
            for way, figures in found["ndcg@100"].items():
                row = about | {"way": way} | figures
                print(row)
                update("fold_in", row, ["model", "cut", "way"])


if __name__ == "__main__":
    main()
