"""What half-lives and ratings as weights are worth: nDCG@100 under the temporal split.

Command: make demo && python -m benchmarks.weights (ten minutes)

The demo's ratings, all of them and those of four stars or more, split at eight moments (a tenth to eight tenths of the
interactions come after), every user held out who has some on both sides: one moment leaves some twenty such users, so
that the users of all moments are taken together. A half-life or a weight is taken in training, in histories, or in
both.
"""

import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import elsa_index as ei
from elsa_index.data.interactions import Interactions
from elsa_index.data.splits import Fold
from elsa_index.metrics import Metric, hits_of, ndcg

from .increments import RATINGS
from .records import update

HIDDEN = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
LAMBDA = 100.0
K = 100
MODELS: dict[str, Any] = {
    "SLIM": lambda half_life: ei.SlimConfig(regularisation=LAMBDA, half_life=half_life),
    "Compressed ELSA": lambda half_life: ei.TrainingConfig(dims=256, nnz=16, epochs=5, half_life=half_life),
}
TRAINING = (None, "1y", "3y", "10y")
HISTORIES = (None, "30d", "90d", "1y", "3y", "10y")


def split_at(log: Interactions, hide: float) -> ei.Split:
    """With all users held out who can be."""
    try:
        return ei.split(log, protocol="temporal", users=10**9, hide=hide)
    except ei.UsageError as error:
        most = re.search(r"choose at most ([\d,]+)", str(error))
        assert most is not None
        return ei.split(log, protocol="temporal", users=int(most[1].replace(",", "")), hide=hide)


def without_weights(log: Interactions) -> Interactions:
    return Interactions(log.users, log.items, log.matrix, log.times, log.summary, log.latest)


def ndcg_of(codes: ei.ItemCodes, fold: Fold) -> np.ndarray:
    with (
        tempfile.TemporaryDirectory() as folder,
        ei.Index.build(codes, Path(folder) / "i", engine="exact", store="float32", segments=None) as index,
    ):
        found = index.search(fold.histories, K, weights=fold.weights)
        hits = hits_of([ranking.rows for ranking in found.rankings], list(map(index.ids.find, fold.hidden)), K)
    return ndcg(hits, np.array([len(hidden) for hidden in fold.hidden]), K)


def measure(model: str, least: float) -> None:
    log = ei.read_interactions(
        RATINGS, value_column="rating", min_value=least, time_column="timestamp", weight_column="rating"
    )
    splits = [split_at(log, hide) for hide in HIDDEN]
    for weighted in (False, True):
        for training in TRAINING if not weighted else TRAINING[:1]:
            config = MODELS[model](training)
            logs = [split.train if weighted else without_weights(split.train) for split in splits]
            codes = [ei.train(part, config) for part in logs]
            for histories in HISTORIES:
                for in_histories in (False, True) if histories is None else (False,):
                    folds = [split.fold(0, half_life=histories, weights=in_histories) for split in splits]
                    values = np.concatenate([ndcg_of(*pair) for pair in zip(codes, folds, strict=True)])
                    row = {
                        "model": model, "least rating": least, "half-life in training": training,
                        "half-life in histories": histories, "ratings in training": weighted,
                        "ratings in histories": in_histories, "users": len(values), "moments": len(HIDDEN),
                        "ndcg@100": Metric.of(values).to_json(),
                    }  # fmt: skip
                    update("weights", row, list(row)[:6])
                    print(row, flush=True)


def main() -> None:
    for least in (4.0, 0.5):
        for model in MODELS:
            measure(model, least)


if __name__ == "__main__":
    main()
