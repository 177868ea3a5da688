"""Folding items into Compressed ELSA: the best codes of their budgets beside those of the others, which stay."""

import numpy as np
from scipy.sparse import csr_array, diags_array, vstack

from ...codes.item_codes import ItemCodes
from ...data.interactions import Interactions
from ...data.scipy_matrix import largest_in_rows, row_norms, with_norms
from ...storage.ids import Rows
from ..folded_in import FoldedIn, Grown, with_further_items
from ..popularity import relative

_USERS_AT_ONCE = 4096


def fold_in_by_histories(codes: ItemCodes, log: Interactions) -> FoldedIn:
    """See `fold_in`; for codes that items bring to histories.

    With h(u) the query that the model makes of what a user has of its items, divided by its norm, and U the users that
    have a new item, a code a of norm 1 has Σ h(u)·a, u in U, at most where a is that sum's largest magnitudes. On
    MovieLens such a code scores four times what trained ones do for their own users, and took 91 % of all places; with
    the norm that makes both equal, rankings of all items gain, and new items are found (docs/guides/nightly.md).
    """
    before = len(codes.ids)
    grown = Grown.of(codes, log, beside_known=True)
    ids, matrix, size, no_rows = grown.ids, grown.matrix, len(grown.ids), np.zeros(0, dtype=np.int64)
    if size == before:
        return FoldedIn(codes, no_rows, no_rows, grown.without)
    counts = np.bincount(matrix.indices, minlength=size)
    known = counts if codes.item_counts is None else np.append(codes.item_counts, counts[before:])
    popularity = relative(known, among=known[:before])
    exponents = codes.origin.get("popularity", {"output": 0.0, "history": 0.0})
    # What a history is made of, and codes without what popularity does to their norms.
    brought = with_norms(codes.weights, codes.history_weights_of(np.arange(before)))
    plain = with_norms(codes.weights, popularity[:before] ** -float(exponents["output"]))
    sums, old_score = _summed_histories(matrix, brought, plain, counts[:before])
    own = largest_in_rows(sums, _budgets(codes, known))
    norms = row_norms(own)
    # An item scores for its users, on average, the sum's product with its code, by how many they are.
    with_history = np.bincount(matrix[np.flatnonzero(np.diff(matrix[:, :before].indptr))].indices, minlength=size)
    new_score = float(np.mean(norms / with_history[before:]))
    factor = old_score / new_score if old_score > 0 else 1.0
    own = with_norms(own, factor * popularity[before:] ** float(exponents["output"]) / norms)
    by_popularity = popularity ** float(exponents["history"])
    usual = float(np.mean(row_norms(brought) / by_popularity[:before]))
    shares = usual * by_popularity[before:] / row_norms(own)
    joined = ItemCodes(
        ids,
        csr_array(vstack([codes.weights, own])),
        codes.origin | {"folded_in": codes.origin.get("folded_in", 0) + size - before, "space": codes.space},
        None if codes.item_counts is None else known,
        with_further_items(codes.sample_histories, size),
        np.append(codes.history_weights_of(np.arange(before)), shares).astype(np.float32),
    )
    return FoldedIn(joined, np.arange(before, size), no_rows, grown.without)


def _summed_histories(matrix: csr_array, brought: csr_array, plain: csr_array, counts: Rows) -> tuple[csr_array, float]:
    """Sums over the users of each new item of their histories, (new, dims), each history divided by its norm; and what
    an old item scores for a user that has it and others, the mean over its users, then over items.

    matrix: (users, items). brought, plain: (old, dims). counts: (old,) users of each.
    """
    before = brought.shape[0]
    sums = csr_array((matrix.shape[1] - before, brought.shape[1]))
    shares = 1 / np.maximum(counts, 1)
    itself = np.asarray(brought.multiply(plain).sum(axis=1)).ravel() * shares
    total = 0.0
    for at in range(0, matrix.shape[0], _USERS_AT_ONCE):
        users = csr_array(matrix[at : at + _USERS_AT_ONCE])
        old = csr_array(users[:, :before])
        histories = csr_array(old @ brought)
        norms = row_norms(histories)
        inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
        unit = with_norms(histories, inverse)
        sums = csr_array(sums + csr_array(users[:, before:]).T @ unit)
        # Σ h·a over pairs, each by its item's users: users' histories times sums of their items' codes.
        total += float(unit.multiply(old @ diags_array(shares) @ plain).sum())
        total -= float((old.power(2) @ itself) @ inverse)
    return sums, total / max(1, int(np.count_nonzero(counts)))


def _budgets(codes: ItemCodes, counts: Rows) -> Rows:
    """(new,) how many weights each new item keeps: as many as the old item with the next number of interactions.

    counts: (items,) of old and new items.
    """
    before = len(codes.ids)
    order = np.argsort(counts[:before], kind="stable")
    place = np.searchsorted(counts[order], counts[before:]).clip(max=before - 1)
    return np.maximum(1, np.diff(codes.weights.indptr)[order[place]])
