"""Seven days of a log: training on from yesterday's codes, beside training again each day.

Command: make demo && python -m benchmarks.increments (ten minutes)

The demo's ratings of four stars or more, by time. A fifth of the users is kept from all trainings. Yesterday's log is
the first 86 % of the others' interactions, and each of seven days brings 2 % more. Every day all models are asked with
four fifths of each kept user's items, in an order drawn once, for the rest: nDCG@100. Written are the items whose code
is not the day before's; training again, those are all.
"""

import time
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

import elsa_index as ei
from elsa_index.codes.difference import compare_codes
from elsa_index.data.interactions import Interactions
from elsa_index.fold_in_evaluation import ndcg_of

from .records import update

RATINGS = Path("demo-output/ratings.csv")
DAYS, FIRST, EACH, USERS, SEED = 7, 0.86, 0.02, 0.2, 0
TOLERANCES = (0.0, 0.1, 0.2, 0.3)
MODELS: dict[str, ei.TrainingConfig | ei.SlimConfig] = {
    "Compressed ELSA": ei.TrainingConfig(dims=1024, nnz=16, epochs=5),
    "SLIM": ei.SlimConfig(),
}


def days_of(log: Interactions) -> tuple[list[Interactions], list[tuple[list[str], list[str]]]]:
    """The log of yesterday and of each day, without the users that are kept; and these: history and hidden items."""
    frame = log.pairs().sort("time", maintain_order=True)
    rng = np.random.default_rng(SEED)
    users = frame["user_id"].unique(maintain_order=True).to_list()
    kept = set(rng.choice(users, int(USERS * len(users)), replace=False).tolist())
    is_kept = frame["user_id"].is_in(list(kept))
    asked = []
    for items in frame.filter(is_kept).group_by("user_id", maintain_order=True).agg("item_id")["item_id"]:
        order = rng.permutation(items.to_list()).tolist()
        if len(order) >= 5:
            asked.append((order[len(order) // 5 :], order[: len(order) // 5]))
    others = frame.filter(~is_kept)
    ends = [int((FIRST + EACH * day) * others.height) for day in range(DAYS + 1)]
    return [Interactions.from_pairs(part["user_id"], part["item_id"]) for part in (others[:end] for end in ends)], asked


def measure(model: str, logs: list[Interactions], asked: list[tuple[list[str], list[str]]]) -> None:
    init = ei.train(logs[0], MODELS[model])
    yesterday = dict.fromkeys(TOLERANCES, init)
    rows: dict[str, list[dict[str, float]]] = {}
    for day, log in enumerate(logs[1:], 1):
        started = time.perf_counter()
        again = ei.train(log, MODELS[model])
        found = {"trained again": (again, time.perf_counter() - started, len(again.ids))}
        for tolerance, before in yesterday.items():
            started = time.perf_counter()
            codes = ei.train(log, init=before, tolerance=tolerance)
            seconds, moved = time.perf_counter() - started, compare_codes(before, codes)
            yesterday[tolerance] = codes
            found[f"trained on, tolerance {tolerance:g}"] = codes, seconds, len(moved.added) + len(moved.changed())
        found["left as it was"] = init, 0.0, 0
        for way, (codes, seconds, written) in found.items():
            figures = {"ndcg": fmean(ndcg_of(codes, asked)), "seconds": seconds, "written": written}
            rows.setdefault(way, []).append(figures | {"items": len(codes.ids)})
            print(model, day, way, figures, flush=True)
    for way, of_days in rows.items():
        row: dict[str, Any] = {"model": model, "way": way, "users": len(asked), "days": DAYS}
        for name in ("ndcg", "seconds", "written", "items"):
            row[name] = [round(float(day[name]), 4) for day in of_days]
        update("increments", row, ["model", "way"])


def main() -> None:
    log = ei.read_interactions(RATINGS, value_column="rating", min_value=4, time_column="timestamp")
    logs, asked = days_of(log)
    for model in MODELS:
        measure(model, logs, asked)


if __name__ == "__main__":
    main()
