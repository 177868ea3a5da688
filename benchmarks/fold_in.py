"""Items folded into yesterday's model, beside training again and beside popularity.

Command: make demo && python -m benchmarks.fold_in (a minute)

The demo's ratings of four stars or more, by time. A model of codes over items is trained on the log up to a cut. Items
that appear in the next part are folded in from that part; the same log is trained anew for comparison. Measured is what
comes after both, on the new items alone: for each user who then has one of them, and anything else at all, they are
hidden and the rest is the history. The new item's place is among all items that the history does not hold.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

import elsa_index as ei
from elsa_index.metrics import Metric, hits_of, ndcg, recall

from .records import update

DEMO = Path("demo-output")
CUTS = ((0.5, 0.7), (0.6, 0.8), (0.7, 0.9))
K = 100


@dataclass(frozen=True)
class Case:
    """before: the log up to the cut. so_far: that and the next part. histories, hidden: ids, per user."""

    before: ei.Interactions
    so_far: ei.Interactions
    histories: list[list[str]]
    hidden: list[list[str]]


def case(log: pl.DataFrame, cut: float, end: float) -> Case:
    """cut, end: shares of the log's rows, by time."""
    at = [int(share * log.height) for share in (cut, end)]
    before, so_far, later = log[: at[0]], log[: at[1]], log[at[1] :]
    known = set(before["item_id"])
    new = set(so_far["item_id"]) - known
    histories, hidden = [], []
    for user, items in later.group_by("user_id", maintain_order=True).agg("item_id").iter_rows():
        earlier = so_far.filter(pl.col("user_id") == user)["item_id"].to_list()
        history = [item for item in (*earlier, *items) if item in known]
        wanted = sorted({item for item in items if item in new} - set(earlier))
        if history and wanted:
            histories.append(history)
            hidden.append(wanted)
    first, second = (ei.Interactions.from_pairs(part["user_id"], part["item_id"]) for part in (before, so_far))
    return Case(first, second, histories, hidden)


def score(ids: ei.IdMap, tops: list[npt.NDArray[np.int64]], asked: Case) -> dict[str, float]:
    rows = [ids.find(items) for items in asked.hidden]
    hits, sizes = hits_of(tops, rows, K), np.array([len(items) for items in asked.hidden])
    found = Metric.of(ndcg(hits, sizes, K))
    about = {"ndcg@100": found.mean, "low": found.low, "high": found.high}
    return about | {"recall@20": float(np.mean(recall(hits, sizes, 20)))}


def ranked(codes: ei.ItemCodes, histories: list[list[str]]) -> list[npt.NDArray[np.int64]]:
    """Rows of the best items by the codes as given."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ei.Index.build(codes, Path(folder) / "i", engine="exact", store="float32", segments=None) as index,
    ):
        return [ranking.rows for ranking in index.search(histories, K).rankings]


def popular(log: ei.Interactions, histories: list[list[str]]) -> list[npt.NDArray[np.int64]]:
    order = np.argsort(-log.item_counts, kind="stable")
    return [order[~np.isin(order, log.items.find(history))][:K] for history in histories]


def main() -> None:
    log = pl.read_csv(DEMO / "ratings.csv", schema_overrides={"user_id": pl.String, "item_id": pl.String})
    log = log.filter(pl.col("rating") >= 4).sort("timestamp", maintain_order=True)
    config = ei.SlimConfig(regularisation=100)
    for cut, end in CUTS:
        asked = case(log, cut, end)
        model = ei.train(asked.before, config)
        started = time.perf_counter()
        folded = ei.fold_in(model, asked.so_far)
        between = time.perf_counter()
        again = ei.train(asked.so_far, config)
        seconds = {"folded in": between - started, "trained again": time.perf_counter() - between, "popularity": 0.0}
        ways = {
            "folded in": (folded.codes.ids, ranked(folded.codes, asked.histories)),
            "trained again": (again.ids, ranked(again, asked.histories)),
            "popularity": (asked.so_far.items, popular(asked.so_far, asked.histories)),
        }
        about = {"cut": cut, "end": end, "users": len(asked.hidden), "new": len(folded.added)}
        about |= {"hidden": sum(map(len, asked.hidden)), "improved": len(folded.improved)}
        for way, (ids, tops) in ways.items():
            row = about | {"way": way, "seconds": seconds[way]} | score(ids, tops, asked)
            print(row)
            update("fold_in", row, ["cut", "way"])


if __name__ == "__main__":
    main()
