"""A process that changes an index again and again: what it holds after commit n is known from n alone.

Command: python -m tests.changes.writer INDEX COMMITS (prints each commit's number when it is acknowledged)
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np

import elsa_index as ei

from ..support.catalogues import make_codes

ITEMS = 80


@cache
def _base() -> ei.ItemCodes:
    return make_codes(ITEMS)


@cache
def state(commit: int) -> dict[str, int]:
    """Which of the base codes each item has; the order is that of rows."""
    if commit == 0:
        return {name: at for at, name in enumerate(_base().ids)}
    held = dict(state(commit - 1))
    if commit % 3 == 0:
        for name in list(held)[:3]:
            del held[name]
        return held
    for at in range(5):
        name = f"n{(5 * commit + at) % 60}"
        held.pop(name, None)
        held[name] = (7 * commit + at) % ITEMS
    return held


def change(path: Path, commit: int) -> None:
    """Makes of the state before it the state of this commit."""
    before, after = state(commit - 1), state(commit)
    if commit % 3 == 0:
        ei.delete(path, [name for name in before if name not in after])
        return
    names = list(after)[-5:]
    rows = [after[name] for name in names]
    # A code that is stored already is not written, and its row would stay: each commit gives others.
    ei.upsert(path, ei.ItemCodes(ei.IdMap(names), _base().weights[rows], {"space": _base().space}))


def build(path: Path, engine: str) -> None:
    ei.Index.build(_base(), path, engine=engine, segments=None, overwrite=True).close()


def is_state(index: ei.Index) -> bool:
    """Whether what an index holds and answers is what its commit is to hold."""
    held = state(index.manifest.commits)
    if set(index.ids) != set(held):
        return False
    rows = [held[name] for name in index.ids]
    weights = _base().weights[rows].astype(np.float64)
    history = list(index.ids)[3]
    scores = weights @ weights[[3]].toarray().ravel()
    scores[3] = -np.inf
    found = index.search([[history]], 5, exact=True).rankings[0]
    return bool(np.allclose(found.scores, np.sort(scores)[::-1][:5], atol=1e-3))


def main() -> None:
    path, commits = Path(sys.argv[1]), int(sys.argv[2])
    with ei.Index.open(path) as index:
        first = index.manifest.commits + 1
    for commit in range(first, first + commits):
        change(path, commit)
        print(commit, flush=True)


if __name__ == "__main__":
    main()
