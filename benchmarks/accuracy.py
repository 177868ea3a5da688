"""Accuracy against bytes: every model and baseline on held-out users, several budgets of bytes per item.

Command: python -m benchmarks.accuracy LOG_NAME SPLIT_DIR [--only REGEX] [--seeds 42,43,44] [--models DIR]
    gowalla: the README's split; about an hour and a half on two cores for everything with one seed, EASE takes 16 GB.
    movielens: the demo's split, seeds 42,43,44,45,46; minutes.
    gowalla-published: `elsa-index split --protocol given`; the rows dense-1024 and default-16.

Every trained model is ranked twice: as it was trained, and with its scores multiplied by popularity (default: 0.2),
which costs no training. Results go to benchmarks/results/accuracy.json, a row per log, model, popularity and seed; a
row that is there is made anew. Models are kept in --models and not trained again. Needs the packages of the extra
`bench`.
"""

import argparse
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

import elsa_index as ei
from benchmarks import baselines, others
from benchmarks.ranking import Held, Scorer, by_codes, by_matrix, metrics_of
from benchmarks.records import update
from elsa_index.codes.impacts import ImpactScale
from elsa_index.engines.stored_codes import StoredCodes
from elsa_index.training.popularity import relative, scaled

KEYS = ("log", "model", "popularity", "seed")
NONZEROS = (8, 16, 32, 64, 128)
OVER_ITEMS = (8, 16, 32, 64)
FACTORS = (32, 64, 128, 256)
DENSE = (16, 32, 64, 128, 256, 512, 1024, 2048)
POPULARITY = 0.2
LEVEL_EPOCHS = {"default": 1, "paper": 2}
"""Epochs per level on Gowalla: the default's smaller batches make four times the steps of the paper's."""


class Accuracy:
    """One log's models, trained when they are first asked for."""

    def __init__(self, log: str, split: ei.Split, models: Path, seed: int) -> None:
        self.log, self.split, self.models, self.seed = log, split, models, seed
        self.held = Held.of(split)
        self.popularity = relative(split.train.item_counts)

    def trained(self, name: str, config: ei.TrainingConfig | ei.SlimConfig) -> ei.ItemCodes:
        """Codes of norm 1, from `models` where they are there."""
        path = self.models / f"{self.log}-{name}-{self.seed}"
        if not path.exists():
            codes = ei.train(self.split.train, config)
            codes.save(path)
        return ei.ItemCodes.load(path)

    def dense(self, dims: int) -> ei.ItemCodes:
        epochs = 10 if self.log == "movielens" else 5 if dims <= 1024 else 6
        batch = None if self.log == "movielens" else 1024
        config = ei.TrainingConfig(
            dims=dims, dense=True, epochs=epochs, popularity=0, batch_size=batch, seed=self.seed, final_decay=True
        )
        return self.trained(f"dense-{dims}", config)

    def sparse(self, kind: str, dims: int, nnz: int) -> ei.ItemCodes:
        values: dict[str, Any] = {"dims": dims, "nnz": nnz, "seed": self.seed, "popularity": 0}
        values["epochs"] = LEVEL_EPOCHS[kind] if self.log.startswith("gowalla") else 2
        if dims > 1024:
            values["epochs"] = 1
        if kind == "paper":
            small = {"batch_size": 128} if self.log == "movielens" else {}
            return self.trained(f"paper-{dims}-{nnz}", ei.TrainingConfig.paper(**values | small))
        return self.trained(f"default-{dims}-{nnz}", ei.TrainingConfig(**values))

    def over_items(self, nnz: int) -> ei.ItemCodes:
        """Codes over items as `build --store none` keeps them: the impacts."""
        codes = self.trained(f"slim-{nnz}", ei.SlimConfig(nnz=nnz, non_negative=True, seed=self.seed))
        scale = ImpactScale.fitting(8, codes.weights.data, unit_norm=False)
        weights = codes.weights.copy()
        weights.data = (scale.round(weights.data) * scale.step).astype(np.float32)
        return replace(codes, weights=weights)

    def als(self, factors: int) -> tuple[Scorer, float, dict[str, Any]]:
        matrix, fit = self.split.train.matrix, partial(others.als, factors=factors)
        best, tried = others.best_for_validation(matrix, self.seed, others.ALS_START, fit)
        return fit(matrix, seed=self.seed, **dict[str, Any](best)), 4.0 * factors, {"chosen": best, "tried": tried}

    def sansa(self, nnz: int) -> tuple[Scorer, float, dict[str, Any]]:
        matrix = self.split.train.matrix

        def fit(users: csr_array, seed: int, l2: float) -> Scorer:
            return others.by_pair(*others.sansa(users, nnz=nnz, l2=l2))

        best, tried = others.best_for_validation(matrix, self.seed, others.SANSA_START, fit)
        encoder, decoder = others.sansa(matrix, nnz=nnz, l2=best["l2"])
        size = 8.0 * (encoder.nnz + decoder.nnz) / matrix.shape[1]
        return others.by_pair(encoder, decoder), size, {"chosen": best, "tried": tried}

    def models_by_name(self) -> Iterator[tuple[str, Callable[[], Any]]]:
        """Name and maker: of ItemCodes, or of a scorer, its bytes per item, and how it was tuned if it was."""
        matrix, items = self.split.train.matrix, self.split.train.matrix.shape[1]
        for dims in DENSE:
            yield f"dense-{dims}", lambda dims=dims: self.dense(dims)
        for kind in ("paper", "default"):
            for nnz in NONZEROS:
                yield f"{kind}-{nnz}", lambda kind=kind, nnz=nnz: self.sparse(kind, 1024, nnz)
            yield f"{kind}-4096-16", lambda kind=kind: self.sparse(kind, 4096, 16)
        for nnz in OVER_ITEMS:
            yield f"slim-{nnz}", lambda nnz=nnz: self.over_items(nnz)
            yield f"sansa-{nnz}", lambda nnz=nnz: self.sansa(nnz)
        for factors in FACTORS:
            yield f"als-{factors}", lambda factors=factors: self.als(factors)
        for nnz in (16, 20):
            yield f"default-int8-{nnz}", lambda nnz=nnz: self.sparse("default", 1024, nnz)
        for nnz in NONZEROS:
            yield f"pruned-{nnz}", lambda nnz=nnz: self._derived(baselines.pruned_codes, nnz)
            yield (
                f"autoencoder-{nnz}",
                lambda nnz=nnz: self._derived(lambda c, k: baselines.autoencoder_codes(c, k, self.seed), nnz),
            )
        yield "most-popular", lambda: (baselines.most_popular(matrix), 4.0)
        yield "item-knn", lambda: self._matrix(baselines.item_knn(matrix))
        weights: list[np.ndarray] = []

        def ease() -> np.ndarray:
            if not weights:
                weights.append(baselines.ease(matrix))
            return weights[0]

        yield "ease", lambda: (by_matrix(ease()), 4.0 * items)
        for nnz in NONZEROS:
            yield f"ease-pruned-{nnz}", lambda nnz=nnz: self._matrix(baselines.pruned_matrix(ease(), nnz))
            yield f"ease-pruned-over-all-{nnz}", lambda nnz=nnz: self._matrix(baselines.pruned_over_all(ease(), nnz))

    def _derived(self, function: Callable[[csr_array, int], csr_array], nnz: int) -> ei.ItemCodes:
        """Codes made from the dense model of 1,024 dimensions."""
        started = time.perf_counter()
        dense = self.dense(1024)
        weights = function(dense.weights, nnz)
        seconds = round(dense.origin["seconds"] + time.perf_counter() - started, 1)
        return ei.ItemCodes(dense.ids, weights, origin=dense.origin | {"seconds": seconds})

    def _matrix(self, weights: csr_array) -> tuple[Scorer, float]:
        return by_matrix(weights), 8 * weights.nnz / weights.shape[0]

    def rows(self, name: str, make: Callable[[], Any]) -> Iterator[dict[str, Any]]:
        started = time.perf_counter()
        made = make()
        common = {"log": self.log, "model": name, "seed": self.seed, "split": self.split.description}
        if not isinstance(made, ei.ItemCodes):
            scorer, size, *tuned = made
            seconds = round(time.perf_counter() - started, 1)
            metrics = metrics_of(self.held, scorer)
            row = {"popularity": 0, "bytes": size, "disk": None, "seconds": seconds, "metrics": metrics}
            yield common | row | {"tuning": tuned[0]} if tuned else common | row
            return
        over_items = made.history_kind == "items"
        is_dense, store = name.startswith("dense"), "int8" if "int8" in name else "none" if over_items else None
        for power in (0,) if over_items else (POPULARITY,) if store else (0, POPULARITY):
            codes = made
            if not over_items:
                weights, shares = scaled(made.weights, self.popularity, power)
                codes = replace(made, weights=weights, history_weights=shares)
            if store == "int8":  # what is ranked is what is stored
                stored = StoredCodes.round(codes, "int8").matrix.astype(np.float32)
                codes = replace(codes, weights=stored)
            yield common | {
                "popularity": power,
                "bytes": 4.0 * codes.dims if is_dense else 8 * codes.weights.nnz / len(codes.ids),
                "disk": bytes_on_disk(codes, "faiss-flat" if is_dense else "lucene", store),
                "seconds": made.origin["seconds"],
                "config": made.origin["config"],
                "metrics": metrics_of(self.held, by_codes(codes)),
            }


def bytes_on_disk(codes: ei.ItemCodes, engine: str, store: str | None = None) -> dict[str, float]:
    """Bytes per item by part: of an index built from the codes. history: the history weights."""
    with (
        tempfile.TemporaryDirectory() as directory,
        ei.Index.build(codes, Path(directory) / "i.index", engine=engine, store=store, segments=None) as index,
    ):
        sizes: dict[str, float] = dict(index.bytes_by_part)
        files = index.manifest.files
        sizes["history"] = files["history_weights.npy"].bytes if "history_weights.npy" in files else 0
    return {part: size / len(codes.ids) for part, size in sizes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", choices=("gowalla", "movielens", "gowalla-published"))
    parser.add_argument("split", type=Path)
    parser.add_argument("--only", default="", help="a regular expression of whole names of models")
    parser.add_argument("--seeds", default="42")
    parser.add_argument("--models", type=Path, default=Path("benchmark-models"))
    given = parser.parse_args()
    given.models.mkdir(exist_ok=True)
    split = ei.Split.load(given.split)
    for seed in map(int, given.seeds.split(",")):
        accuracy = Accuracy(given.log, split, given.models, seed)
        for name, make in accuracy.models_by_name():
            if given.only and not re.fullmatch(given.only, name):
                continue
            for row in accuracy.rows(name, make):
                update("accuracy", row, KEYS)
                found = f"nDCG@100 {row['metrics']['ndcg@100']['mean']:.4f}, {row['seconds']} s"
                print(f"{given.log} {name} popularity {row['popularity']} seed {seed}: {found}", flush=True)


if __name__ == "__main__":
    main()
