"""Segments of the demo's films against their genres, and the homepage rows that they give.

Command: make demo && python -m benchmarks.segments (a minute). Compared are our segments, dominant dimensions before
they are merged, k-means with as many clusters on the dense model of the demo, communities of codes over items, and
segments of the same sizes with items at random. A segment's genre is chosen on a random half of its items, as names
are, and its lift (share in the segment over share in the catalogue) is measured on the other half, so that chance is 1.
Normalised mutual information is of the pairs of item and genre. Seed 42.
"""

import gc
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score

import elsa_index as ei
from benchmarks.records import update
from elsa_index.data.metadata import Metadata
from elsa_index.segments.dominant import dominant_terms
from elsa_index.segments.naming import covered, of_one_title
from elsa_index.segments.terms import ItemTerms, distinctive
from elsa_index.storage.strings import Strings

DEMO = Path("demo-output")
REPEATS = 20
KNOWN = 5  # interactions of an item whose code is more than chance
HISTORIES = 500
ROWS, K = 8, 10
EXAMPLES = ("Toy Story", "Star Wars: Episode IV - A New Hope", "Spirited Away (Sen to Chihiro no kamikakushi)")
Labels = npt.NDArray[np.int64]


def genres_of(index: ei.Index) -> npt.NDArray[np.float64]:
    """(items, genres) 0 and 1."""
    assert index.metadata is not None
    listed = [
        [part for part in text.split("|") if part and not part.startswith("(")]
        for text in index.metadata.columns["genres"]
    ]
    names = sorted({name for names in listed for name in names})
    has = np.zeros((len(index), len(names)))
    for row, names_of in enumerate(listed):
        has[row, [names.index(name) for name in names_of]] = 1
    return has


def lift(of: Labels, has: npt.NDArray[np.float64], rng: np.random.Generator) -> float:
    """Mean lift, over items, of the genre of each one's segment, chosen on the other half of its items."""
    share = has.mean(axis=0)
    total, items = 0.0, 0
    for segment in range(int(np.max(of)) + 1):
        rows = rng.permutation(np.flatnonzero(of == segment))
        half = len(rows) // 2
        for chosen_on, measured_on in ((rows[:half], rows[half:]), (rows[half:], rows[:half])):
            if not len(chosen_on) or not len(measured_on):
                continue
            expected = len(chosen_on) * share
            genre = int(((has[chosen_on].sum(axis=0) - expected) / np.sqrt(expected * (1 - share) + 1e-9)).argmax())
            total += len(measured_on) * has[measured_on, genre].mean() / share[genre]
            items += len(measured_on)
    return total / items


def information(of: Labels, has: npt.NDArray[np.float64]) -> float:
    """Normalised mutual information of segments and genres."""
    items, genres = np.nonzero(has)
    inside = of[items] >= 0
    return float(normalized_mutual_info_score(of[items[inside]], genres[inside]))


def shuffled(of: Labels, rng: np.random.Generator) -> Labels:
    """Segments of the same sizes with items at random."""
    result = of.copy()
    inside = np.flatnonzero(of >= 0)
    result[inside] = rng.permutation(of[inside])
    return result


def measure(name: str, of: Labels, has: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_], items: str) -> None:
    rng = np.random.default_rng(42)
    found = of[kept]
    used, relabelled = np.unique(found[found >= 0], return_inverse=True)
    labels = np.full(len(found), -1)
    labels[found >= 0] = relabelled
    by_chance = [shuffled(labels, rng) for _ in range(REPEATS)]
    row = {
        "segments_by": name,
        "items": items,
        "segments": len(used),
        "items_in_segments": int((labels >= 0).sum()),
        "lift": float(np.mean([lift(labels, has[kept], rng) for _ in range(REPEATS)])),
        "lift_by_chance": float(np.mean([lift(chance, has[kept], rng) for chance in by_chance])),
        "nmi": information(labels, has[kept]),
        "nmi_by_chance": float(np.mean([information(chance, has[kept]) for chance in by_chance])),
    }
    print(row)
    update("segments", row, ["segments_by", "items"])


def measure_ranking(name: str, index: ei.Index, codes: ei.ItemCodes, split: ei.Split) -> None:
    """The share of held-out users' hidden items that are in the eight segments ranked best for them, and how many of
    the items in segments those eight hold."""
    assert index.segments is not None
    of, sizes = index.segments.of.astype(np.int64), index.segments.sizes
    shares, held = [], []
    folds = [split.fold(number) for number in range(split.folds)]
    asked = [pair for fold in folds for pair in zip(fold.histories, fold.hidden, strict=True)]
    for history, hidden in asked:
        best = index.rank_segments(history, ROWS).numbers
        rows = codes.ids.find(hidden)
        shares.append(float(np.isin(of[rows[rows >= 0]], best).mean()))
        held.append(float(sizes[best].sum()) / float(sizes.sum()))
    row = {
        "segments_by": "ranking",
        "items": name,
        "segments": len(index.segments),
        "hidden_in_best": float(np.mean(shares)),
        "items_in_best": float(np.mean(held)),
    }
    print(row)
    update("segments", row, ["segments_by", "items"])


def measure_names(index: ei.Index, of: Labels) -> None:
    """The genres that names begin with, and their lift in their segments: all items, nothing held back."""
    assert index.metadata is not None
    assert index.segments is not None
    terms = ItemTerms.of(Metadata({"genres": Strings(index.metadata.columns["genres"])}), len(index))
    carriers = distinctive(terms, of).carriers.toarray()
    share = np.asarray(terms.has.mean(axis=0)).ravel()
    lifts = []
    for segment in index.segments:
        named = [at for at, genre in enumerate(terms.names) if genre in segment.name.split(":")[0].split(" · ")]
        lifts += [carriers[segment.number, at] / segment.size / share[at] for at in named]
    row = {
        "segments_by": "names",
        "items": "genres in names",
        "segments": len(index.segments),
        "named": len(lifts),
        "lift": float(np.mean(lifts)),
        "least": float(np.min(lifts)),
    }
    print(row)
    update("segments", row, ["segments_by", "items"])


def measure_rule_of_names(title: str, index: ei.Index) -> None:
    """How many names an editor might print: their terms cover at least half of the segment, and no two of their words
    are of one title."""
    assert index.metadata is not None
    assert index.segments is not None
    terms = ItemTerms.of(index.metadata, len(index))
    members = [(name, index.segments.members(number)) for number, name in enumerate(index.segments.names)]
    fit = [covered(name, terms, rows) >= 0.5 and not of_one_title(name, terms, rows) for name, rows in members]
    row = {"segments_by": "rule of names", "items": title, "segments": len(fit), "share": float(np.mean(fit))}
    print(row)
    update("segments", row, ["segments_by", "items"])


def record_examples(index: ei.Index) -> None:
    """The segments of three well-known films, whatever they are, with their most typical items."""
    assert index.segments is not None
    for film in EXAMPLES:
        (row,) = [int(found) for found in index.titles.find(film, 50) if index.titles[int(found)] == film][:1]
        segment = index.segments[int(index.segments.of[row])]
        typical = [index.titles[int(item)] for item in index.ids.rows(segment.typical[:6])]
        about = {"name": segment.name, "size": segment.size, "merged": len(segment.dimensions), "typical": typical}
        update("segments", {"segments_by": "example", "items": film} | about, ["segments_by", "items"])


def measure_homepages(index: ei.Index) -> None:
    """500 random histories of 1 to 50 items: what rows promise, and how long they take, in this process, one thread."""
    assert index.segments is not None
    rng = np.random.default_rng(42)
    sizes = rng.integers(1, 51, HISTORIES)
    histories = [index.ids.take(rng.choice(len(index), size, replace=False)).tolist() for size in sizes]
    for history in histories[:200]:
        index.homepage(history, rows=ROWS, k=K)
    gc.collect()  # as servers do: Python's collector then has little to look at while queries are answered
    gc.freeze()
    milliseconds, wrong, rows = [], 0, 0
    for history in histories:
        started = time.perf_counter()
        page = index.homepage(history, rows=ROWS, k=K)
        milliseconds.append(1000 * (time.perf_counter() - started))
        shown = [item for row in page.rows for item in row.items]
        wrong += len(shown) - len(set(shown)) + len(set(shown) & set(history))
        first = set(page.rows[0].items)
        for row in page.rows[1:]:
            assert row.segment is not None
            members = set(index.ids.take(np.flatnonzero(index.segments.of == row.segment.number)).tolist())
            wrong += len(set(row.items) - members)
            wrong += len(row.items) != min(K, len(members - set(history) - first))
        rows += len(page.rows)
    found = {
        "segments_by": "homepages",
        "items": f"{HISTORIES} random histories",
        "rows": rows,
        "wrong": wrong,
        "ms": {name: float(np.percentile(milliseconds, at)) for name, at in (("p50", 50), ("p95", 95), ("p99", 99))},
    }
    print(found)
    update("segments", found, ["segments_by", "items"])


def main() -> None:
    codes, dense, items = (ei.ItemCodes.load(DEMO / name) for name in ("sparse", "dense", "items"))
    split = ei.Split.load(DEMO / "split")
    with tempfile.TemporaryDirectory() as scratch, ExitStack() as opened:
        index = opened.enter_context(ei.Index.open(DEMO / "codes.index"))
        of_items = opened.enter_context(ei.Index.open(DEMO / "items.index"))
        films = ei.read_metadata(DEMO / "films.csv")
        taken = opened.enter_context(
            ei.Index.build(items, f"{scratch}/taken", engine="exact", metadata=films, segments_from=codes)
        )
        assert index.segments is not None
        assert of_items.segments is not None
        assert list(dense.ids) == list(codes.ids) == list(items.ids) == list(index.ids)
        has, counts = genres_of(index), np.asarray(codes.item_counts)
        ours = index.segments.of.astype(np.int64)
        units = csr_array(diags_array(1 / codes.norms) @ codes.weights)
        raw = dominant_terms(units)
        vectors = (diags_array(1 / dense.norms) @ dense.weights).toarray()
        clusters = KMeans(len(index.segments), n_init=3, random_state=42).fit_predict(vectors).astype(np.int64)
        for which, kept in (("all", counts >= 0), (f"{KNOWN} interactions or more", counts >= KNOWN)):
            measure("elsa-index", ours, has, kept, which)
            measure("dominant dimensions, not merged", raw, has, kept, which)
            measure("k-means, dense", clusters, has, kept, which)
            measure("communities of codes over items", of_items.segments.of.astype(np.int64), has, kept, which)
        measure_ranking("Compressed ELSA, its segments", index, codes, split)
        measure_ranking("codes over items, segments of Compressed ELSA", taken, codes, split)
        measure_ranking("codes over items, their communities", of_items, codes, split)
        measure_names(index, ours)
        measure_rule_of_names("Compressed ELSA, its segments", index)
        measure_rule_of_names("codes over items, their communities", of_items)
        record_examples(index)
        measure_homepages(index)


if __name__ == "__main__":
    main()
