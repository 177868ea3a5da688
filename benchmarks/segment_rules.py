"""How segments depend on their rules: the demo's films against their genres, and held-out users against segments.

Command: make demo && python -m benchmarks.segment_rules (two minutes). One rule at a time differs from the defaults.
Of genres as in `segments.py`, films with five interactions or more. Ranked are segments for the histories of held-out
users, by the product of their vectors; the gain of a segment is how many of the user's hidden items it has. Seed 42.
"""

from dataclasses import replace
from itertools import chain

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

import elsa_index as ei
from benchmarks.records import update
from benchmarks.segments import DEMO, KNOWN, REPEATS, genres_of, information, lift, shuffled
from elsa_index.segments.dominant import by_dominant_dimensions
from elsa_index.segments.partition import Partition
from elsa_index.segments.terms import ItemTerms

RULES = {
    "alike": (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15),
    "least_count": (1, 2, 3, 5, 8),
    "least_items": (4, 8, 12, 20),
    "near": (0.0, 0.05, 0.1, 0.2),
    "alike_in_terms": (0.2, 0.3, 0.4, 0.5, 1.0),
    "alike_and_named": (0.0, 0.02, 0.04),
    "nonzeros": (8, 16, 32, 64, 128, 1024),
}
CUT = 20


def measured(found: Partition, has: npt.NDArray[np.float64], counts: npt.NDArray) -> dict[str, float]:
    """Segments, items in them, and how they fit genres, above chance."""
    rng = np.random.default_rng(42)
    kept = counts >= KNOWN
    of = found.of[kept].astype(np.int64)
    by_chance = float(np.mean([information(shuffled(of, rng), has[kept]) for _ in range(5)]))
    return {
        "segments": found.vectors.shape[0],
        "items": int((found.of >= 0).sum()),
        "largest": int(np.max(np.bincount(found.of[found.of >= 0]))),
        "lift": float(np.mean([lift(of, has[kept], rng) for _ in range(REPEATS)])),
        "nmi_above_chance": information(of, has[kept]) - by_chance,
    }


def ranking(vectors: csr_array, of: npt.NDArray[np.int32], codes: ei.ItemCodes, split: ei.Split) -> float:
    """nDCG@20 of segments for held-out users: gain is a segment's number of hidden items."""
    discounts = 1 / np.log2(np.arange(2, CUT + 2))
    gains = []
    folds = [split.fold(number) for number in range(split.folds)]
    for history, hidden in chain.from_iterable(zip(fold.histories, fold.hidden, strict=True) for fold in folds):
        rows = codes.ids.find(history)
        rows = rows[rows >= 0]
        wanted = of[codes.ids.rows(hidden)]
        gain = np.bincount(wanted[wanted >= 0], minlength=vectors.shape[0])
        if not gain.any() or not len(rows):
            continue
        scores = vectors @ (codes.weights[rows].T @ codes.history_weights_of(rows))
        top = np.argsort(-scores, kind="stable")[:CUT]
        best = np.sort(gain)[::-1][:CUT]
        gains.append((gain[top] * discounts[: len(top)]).sum() / (best * discounts[: len(best)]).sum())
    return float(np.mean(gains))


def paper_vectors(found: Partition, dims: int) -> csr_array:
    """The paper's demo: 1 or -1 on the dimensions that a segment was merged from, divided by its norm."""
    vectors = np.zeros((len(found.merged), dims))
    for segment, parts in enumerate(found.merged):
        for term, _ in parts:
            vectors[segment, term // 2] = -1 if term % 2 else 1
    return csr_array(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def main() -> None:
    codes, split = ei.ItemCodes.load(DEMO / "sparse"), ei.Split.load(DEMO / "split")
    counts = np.asarray(codes.item_counts)
    with ei.Index.open(DEMO / "codes.index") as index:
        has = genres_of(index)
        assert index.metadata is not None
        terms = ItemTerms.of(index.metadata, len(index))
    usual = ei.SegmentRules()

    def record(rule: str, value: object, found: Partition) -> None:
        row = measured(found, has, counts) | {"ndcg": ranking(found.vectors, found.of, codes, split)}
        print(rule, value, row)
        update("segment_rules", {"rule": rule, "value": value} | row, ["rule", "value"])

    usually = by_dominant_dimensions(codes, usual, terms)
    record("as by default", "", usually)
    record("names", "none", by_dominant_dimensions(codes, usual))
    record("vectors", "the paper's", replace(usually, vectors=paper_vectors(usually, codes.dims)))
    for rule, values in RULES.items():
        for value in values:
            record(rule, value, by_dominant_dimensions(codes, usual.model_copy(update={rule: value}), terms))


if __name__ == "__main__":
    main()
