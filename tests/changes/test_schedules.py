"""Random series of changes, each compared with a fresh build of the same catalogue."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import elsa_index as ei
from elsa_index.changes.stored import stored_codes

from .killed import kill_while
from .model import DIMS, Model, compare, item_codes

ENGINES = [
    ("exact", "float16"),
    ("exact", "int8"),
    ("faiss-flat", "float32"),
    ("lucene", "float16"),
    ("lucene", "int8"),
]
SCHEDULES = int(os.environ.get("ELSA_INDEX_TESTS_SCHEDULES", "12"))
TAGS = ["red", "new", "in stock"]
TRAINED = {
    "model": "SLIM", "config": {"nnz": 2, "neighbours": 5, "regularisation": 1.0}, "regularisation": 1.0,
    "least_saliency": 0.0, "popularity": {"output": 0.0, "history": 0.0},
}  # fmt: skip
"""What codes over items must say of their training for items to be folded into them."""
STRONGEST = "strongest"
"""An item that is never changed: its weight is what the largest impact stands for where impacts are the codes."""


def random_code(rng: np.random.Generator, model: Model, names: list[str], own: str) -> dict[Any, float]:
    known = [name for name in names if name != own] if model.over_items else list(range(DIMS))
    chosen = rng.choice(len(known), size=min(len(known), int(rng.integers(1, 6))), replace=False)
    sizes = np.round(rng.uniform(0.1, 1, len(chosen)) * rng.choice([1, 1, 1, -1], len(chosen)), 2)  # ties
    if not model.over_items and rng.random() < 0.9:
        sizes = sizes / np.linalg.norm(sizes)
    return {known[at]: float(size) for at, size in zip(chosen.tolist(), sizes.tolist(), strict=True)}


def random_log(rng: np.random.Generator, names: list[str], new: list[str]) -> ei.Interactions:
    """Users with a few items that are there, every other one with a new one too."""
    pairs = [
        (f"u{user}", item)
        for user in range(16)
        for item in (*rng.choice(names, 3).tolist(), *([new[user // 2 % len(new)]] if user % 2 else []))
    ]
    users, items = (pl.Series(part) for part in zip(*pairs, strict=True))
    return ei.Interactions.from_pairs(users, items)


def fold_in(path: Path, model: Model, index: ei.Index, log: ei.Interactions) -> None:
    """What is stored is what new items are folded into."""
    found = ei.fold_in(stored_codes(index.catalogue), log)
    ei.fold_into_index(path, log)
    assert found.codes.item_counts is not None
    codes, counts, shares = {}, {}, {}
    for row in [*found.added.tolist(), *found.improved.tolist()]:
        code, name = found.codes.weights[[row]], found.codes.ids[row]
        dims = found.codes.ids.take(code.indices).tolist() if model.over_items else code.indices.tolist()
        codes[name] = dict(zip(dims, code.data.tolist(), strict=True))
        counts[name] = int(found.codes.item_counts[row])
        shares[name] = float(found.codes.history_weights_of(np.array([row]))[0])
    model.upsert(codes, counts, shares)


def kill(path: Path, model: Model, what: str, some: list[str], rng: np.random.Generator) -> None:
    """A change by a process that is killed at some moment of it: it is made, or it is not."""
    given: list[str] = []
    codes = {}
    if what == "delete":
        given = some
    elif what == "upsert":
        codes = {name: random_code(rng, model, list(model.codes), name) for name in some}
        whole = {name: codes.get(name, code) for name, code in model.codes.items()}
        item_codes(whole, model.counts, model.over_items, "ours").save(path / "given", overwrite=True)
        given = [str(path / "given")]
    with ei.Index.open(path / "i") as index:
        before = index.manifest.commits
    kill_while(path / "i", {what: given}, float(rng.uniform(0, 0.15)))
    with ei.Index.open(path / "i") as index:
        made = index.manifest.commits - before
    assert made in (0, 1)
    if made and what == "delete":
        model.delete(given)
    elif made and what == "upsert":
        model.upsert(codes, {name: model.counts[name] for name in codes})
        model.shares |= dict.fromkeys(model.codes, 1.0)


def run_schedule(
    path: Path,
    seed: int,
    engine: str,
    store: str,
    over_items: bool,
    steps: int = 8,
    places: tuple[ei.ClusterTarget, ei.ClusterTarget] | None = None,
) -> None:
    """places: on a cluster, of the index and of fresh builds, for an engine that needs one."""
    rng = np.random.default_rng(seed)
    model = Model(over_items, origin=TRAINED if over_items else {})
    first = [STRONGEST, *(f"i{at}" for at in range(int(rng.integers(5, 40))))]
    known = [f"i{at}" for at in range(60)]
    codes = {name: random_code(rng, model, first, name) for name in first}
    codes[STRONGEST] = {first[1] if over_items else 0: 2.0}
    model.upsert(codes, {name: int(rng.integers(1, 9)) for name in first})
    for name in first[1:]:
        model.tags[name] = set(rng.choice(TAGS, int(rng.integers(0, 3)), replace=False))
    space = "ours"
    options = {"engine": engine, "store": store, "segments": None}
    on_cluster: list[dict[str, Any]] = [{}, {}] if places is None else [{"cluster": place} for place in places]
    model.fresh(path / "i", first, space, **options, **on_cluster[0]).close()
    opened = ei.Index.open(path / "i")
    reader, order = ei.Index.open(path / "i"), list(first)
    for step in range(steps):
        names = list(model.codes)
        what = rng.choice(["upsert", "upsert", "delete", "tag", "describe", "compact", "fold in", "kill"])
        drawn = dict.fromkeys(rng.choice(names, int(rng.integers(1, 6))).tolist())
        some = [name for name in drawn if name not in (STRONGEST, first[1])]
        if what == "upsert":
            fresh = rng.choice(known, int(rng.integers(1, 8))).tolist()
            chosen = list(dict.fromkeys([*some, *fresh]))
            there = list(dict.fromkeys([*names, *chosen]))
            codes = {name: random_code(rng, model, there, name) for name in chosen}
            counts = {name: int(rng.integers(1, 70_000)) for name in chosen}
            if over_items:  # a model of all items, of which some are written
                whole = {name: codes.get(name, model.codes.get(name, {})) for name in there}
                given = item_codes(whole, {name: counts.get(name, 1) for name in there}, True)
                ei.upsert(path / "i", given, items=chosen)
            else:
                ei.upsert(path / "i", item_codes(codes, counts, False, space))
            model.upsert(codes, counts)
        # With int8 a code is rounded by its largest weight, also where that is of an item that is no more.
        elif what == "delete" and len(some) < len(names) and not (over_items and store == "int8"):
            ei.delete(path / "i", some)
            model.delete(some)
        elif what == "tag" and store != "none" and some:
            pairs = [(name, str(rng.choice(TAGS))) for name in some]
            if rng.random() < 0.5:
                ei.tag(path / "i", add=pairs)
                for name, tag in pairs:
                    model.tags[name].add(tag)
            else:
                ei.tag(path / "i", remove=pairs)
                for name, tag in pairs:
                    model.tags[name].discard(tag)
        elif what == "describe" and some:
            titles = {name: f"{name} of {step}" for name in some}
            space_of = model.item_codes(list(model.codes), space)
            ei.upsert(path / "i", space_of, items=some, metadata={"item_id": some, "title": list(titles.values())})
            model.titles |= titles
        elif what == "compact":
            ei.compact(path / "i")
        elif what == "fold in" and store != "none":
            new = [name for name in known if name not in model.codes][:3]
            if new:
                fold_in(path / "i", model, opened, random_log(rng, names, new))
        elif what == "kill" and not (over_items and store == "int8"):
            kill(path, model, str(rng.choice(["delete", "compact", "upsert"])), some, rng)
        assert list(opened.ids) == order  # what is open goes on
        opened.close()
        opened = ei.Index.open(path / "i")
        order = list(opened.ids)
        assert sorted(order) == sorted(model.codes)
        with model.fresh(path / "fresh", order, space, **options, **on_cluster[1]) as fresh:
            compare(opened, fresh, rng)
    assert list(reader.ids) == first
    if places is None:  # a cluster keeps the commit before the last one for readers
        assert reader.search([first[:2]], 3, exact=True).rankings[0].items
    opened.close()
    reader.close()
    ei.Index.verify(path / "i")


KINDS = [*((*one, False) for one in ENGINES), *((*one, True) for one in ENGINES), ("lucene", "none", True)]


@pytest.mark.parametrize(("engine", "store", "over_items"), KINDS)
def test_any_series_of_changes_answers_as_a_fresh_build(tmp_path, engine, store, over_items):
    run_schedule(tmp_path, 0, engine, store, over_items)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, SCHEDULES + 1))
def test_more_series_do_too(tmp_path, seed):
    run_schedule(tmp_path, seed, *KINDS[seed % len(KINDS)])
