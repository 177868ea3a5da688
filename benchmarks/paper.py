"""The paper's table on the paper's data, its published figures beside ours.

Command: python -m benchmarks.paper goodbooks|movielens-20m|netflix [--data DIR] [--nnz 128,64,32,16,8] [--default]
    Downloads the data to --data (69 MB, 190 MB, 665 MB). With the paper's 90 epochs on a CPU hours; on a GPU minutes.

4,096 dimensions, exponential schedule with restarts, ten epochs per level, seed 42; --default trains with the defaults
of elsa-index instead. Test users are not seen in training; five folds, each hiding a fifth of a user's items. (The
authors draw the five with replacement, which gives slightly lower figures.) Results: benchmarks/results/paper.json.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

import elsa_index as ei
from benchmarks.paper_data import DATA
from benchmarks.ranking import Held, by_codes, metrics_of
from benchmarks.records import RESULTS, update

PUBLISHED = {
    "goodbooks": {"dense": 0.489, 128: 0.491, 64: 0.488, 32: 0.483, 16: 0.477, 8: 0.469},
    "movielens-20m": {"dense": 0.429, 128: 0.425, 64: 0.420, 32: 0.411, 16: 0.398, 8: 0.378},
    "netflix": {"dense": 0.394, 128: 0.393, 64: 0.389, 32: 0.382, 16: 0.373, 8: 0.357},
}
"""nDCG@100 by nonzeros per item (Vančura et al., WWW 2026); dense: uncompressed ELSA at its best size."""
DENSE_DIMS = {"goodbooks": 3250, "movielens-20m": 800, "netflix": 2450}
"""Of uncompressed ELSA: the published bytes, four per dimension."""


def run(
    name: str, directory: Path, nonzeros: list[int], config: dict, *, default: bool, results: Path = RESULTS
) -> None:
    data = DATA[name]
    interactions = data.interactions(directory)
    split = ei.split(interactions, users=data.test_users, seed=42)
    held = Held.of(split)
    table = Table(title=f"{name}: nDCG@100, {data.test_users:,} test users, five folds")
    for column in ("nonzeros", "bytes per item", "published", "measured", "95 % interval", "seconds"):
        table.add_column(column, justify="right")
    make = ei.TrainingConfig if default else ei.TrainingConfig.paper
    for kept in ["dense", *nonzeros]:
        sizes = {"dims": DENSE_DIMS[name], "dense": True} if kept == "dense" else {"dims": 4096, "nnz": kept}
        codes = ei.train(split.train, make(**(sizes | config)))
        metrics = metrics_of(held, by_codes(codes))
        found = metrics["ndcg@100"]
        row = {"data": name, "nonzeros": kept, "default": default, "metrics": metrics, "config": codes.origin["config"]}
        update("paper", row | {"seconds": codes.origin["seconds"]}, ("data", "nonzeros", "default"), results)
        size = 4 * codes.dims if kept == "dense" else 8 * int(str(kept))
        table.add_row(
            str(kept), f"{size:,}", f"{PUBLISHED[name].get(kept, float('nan')):.3f}", f"{found['mean']:.3f}",
            f"{found['low']:.3f} – {found['high']:.3f}", f"{codes.origin['seconds']:,.0f}",
        )  # fmt: skip
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=DATA)
    parser.add_argument("--data", type=Path, default=Path("benchmark-data"))
    parser.add_argument("--nnz", default="128,64,32,16,8")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--default", action="store_true")
    given = parser.parse_args()
    try:
        nonzeros = [int(part) for part in given.nnz.split(",")]
        run(given.name, given.data, nonzeros, {"epochs": given.epochs, "seed": 42}, default=given.default)
    except ei.ElsaIndexError as error:
        sys.exit(f"benchmarks.paper: {error}")


if __name__ == "__main__":
    main()
