"""A catalogue kept in memory, that an index is compared with after any series of changes."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei

DIMS = 24


@dataclass
class Model:
    """What the index must hold. codes: by item, weights by dimension, or by item where dimensions are items."""

    over_items: bool
    codes: dict[str, dict[Any, float]] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)

    def upsert(
        self, codes: dict[str, dict[Any, float]], counts: dict[str, int], shares: dict[str, float] | None = None
    ) -> None:
        """shares: how much items count in a history, 1 where nothing is said."""
        self.codes |= codes
        self.counts |= counts
        self.shares |= dict.fromkeys(codes, 1.0) | (shares or {})
        for name in codes:
            self.tags.setdefault(name, set())
        if self.over_items:
            self.codes = {
                name: {other: weight for other, weight in code.items() if other in self.codes}
                for name, code in self.codes.items()
            }

    def delete(self, names: list[str]) -> None:
        for name in names:
            for part in (self.codes, self.tags, self.titles, self.counts, self.shares):
                part.pop(name, None)
        if self.over_items:
            for code in self.codes.values():
                for name in names:
                    code.pop(name, None)

    def item_codes(self, order: list[str], space: str | None = None) -> ei.ItemCodes:
        codes = item_codes({name: self.codes[name] for name in order}, self.counts, self.over_items, space)
        shares = np.array([self.shares[name] for name in order], np.float32)
        return replace(
            codes, history_weights=shares if (shares != 1).any() else None, origin=self.origin | codes.origin
        )

    def fresh(self, path: Path, order: list[str], space: str, **options) -> ei.Index:
        """A build of the same items in the same order."""
        tags = [(name, tag) for name in order for tag in sorted(self.tags[name])]
        titles = {"item_id": list(self.titles), "title": list(self.titles.values())} if self.titles else None
        return ei.Index.build(
            self.item_codes(order, space), path, tags=tags or None, metadata=titles, overwrite=True, **options
        )


def item_codes(
    codes: dict[str, dict[Any, float]], counts: dict[str, int], over_items: bool, space: str | None = None
) -> ei.ItemCodes:
    ids = ei.IdMap(codes)
    rows, columns, weights = [], [], []
    for row, code in enumerate(codes.values()):
        for dim, weight in code.items():
            column = int(ids.find([dim])[0]) if over_items else dim
            if column >= 0:
                rows.append(row)
                columns.append(column)
                weights.append(weight)
    shape = (len(ids), len(ids) if over_items else DIMS)
    matrix = csr_array((np.array(weights, np.float32), (rows, columns)), shape=shape)
    counted = np.array([counts[name] for name in codes])
    return ei.ItemCodes(
        ids, matrix, {"space": space} if space else {}, counted, history_codes="items" if over_items else "same"
    )


def compare(index: ei.Index, fresh: ei.Index, rng: np.random.Generator) -> None:
    """Same items, scores and proofs, whatever is asked."""
    names = list(index.ids)
    assert list(fresh.ids) == names
    sizes = rng.integers(1, 6, 4)
    histories = [rng.choice(names, size=min(len(names), int(size)), replace=False).tolist() for size in sizes]
    tags = [] if index.tags is None else [tag for tag in index.tags.names if not tag.startswith("segment:")]
    carried = [tag for tag in tags if len(index.tags.rows_of(tags.index(tag)))]
    asked: list[dict[str, Any]] = [
        {},
        {"exclude": rng.choice(names, 2).tolist()},
        *({"tags": [tag]} for tag in carried[:2]),
    ]
    modes: list[dict[str, Any]] = [{"exact": True}, {}]
    # Of items, which all weigh the same, a cut query keeps the first by dimension: of these the order is another.
    if index.engine == "lucene" and index.manifest.codes.history == "same":
        modes.append({"query_terms": 3, "candidates": 4})
    for k in (1, 5, 10 * len(names)):
        for options in asked:
            for mode in modes:
                one, other = (opened.search(histories, k, **options, **mode) for opened in (index, fresh))
                for mine, theirs in zip(one.rankings, other.rankings, strict=True):
                    assert mine.items == theirs.items, (k, options, mode)
                    assert mine.scores.tolist() == theirs.scores.tolist()
                    assert mine.proven == theirs.proven
    for history in histories[:2]:
        explained = (opened.explain(history, names[:3]) for opened in (index, fresh))
        for now, then in zip(*explained, strict=True):
            assert now.item == then.item
            assert now.score == pytest.approx(then.score, rel=1e-12)  # added up in the order of dimensions
            assert sorted(now.history) == sorted(then.history)
    assert (index.item_counts == fresh.item_counts).all()
    assert [index.title(name) for name in names] == [fresh.title(name) for name in names]
