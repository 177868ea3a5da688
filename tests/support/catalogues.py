"""Codes and histories with a right answer that is known: what tests build indexes from, and what these must return."""

import numpy as np
import polars as pl
from scipy.sparse import csr_array

import elsa_index as ei

ODD_IDS = [
    "a,b",
    'say "hi"',
    "two words",
    "new\nline",
    "🎬🍿",
    "x" * 10_000,
    "../../etc/passwd",
    "tab\there",
    "0",
    "é",
]


def make_codes(items: int = 300, dims: int = 64, nnz: int = 8, seed: int = 0, *, unit: bool = True) -> ei.ItemCodes:
    """Signed random codes with some odd ids, clustered a little so that scores differ in size and sign."""
    rng = np.random.default_rng(seed)
    columns = np.stack([np.sort(rng.choice(dims, nnz, replace=False)) for _ in range(items)])
    weights = rng.normal(size=(items, nnz)) * rng.uniform(0.2, 3, size=(items, nnz))
    if unit:
        weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    ids = [*ODD_IDS, *(f"item{row}" for row in range(len(ODD_IDS), items))][:items]
    matrix = csr_array((weights.ravel(), columns.ravel(), np.arange(0, items * nnz + 1, nnz)), shape=(items, dims))
    counts = np.arange(items, 0, -1)
    return ei.ItemCodes(ei.IdMap(ids), matrix, item_counts=counts)


TAGS = [(f"item{row}", tag) for row in range(10, 300) for tag in ("even", "all")[row % 2 :]] + [
    ("a,b", "x y"),
    ("0", "x y"),
]
"""Of `make_codes`: pairs of item id and tag."""

GENRES = ["Western", "Horror", "Musical", "Film-Noir", "Comedy", "War"]
"""One per taste of `make_tastes`, so that it is known what a segment's name should be."""


def make_tastes(each: int = 40, seed: int = 11) -> tuple[ei.ItemCodes, dict[str, list[str | None]]]:
    """Codes of six tastes, each with five signed dimensions of its own, among them the two directions of one; and
    metadata whose genres are the tastes. Item t3-7 is the eighth of the fourth taste."""
    rng = np.random.default_rng(seed)
    tastes = len(GENRES)
    dense = np.zeros((tastes * each, 40))
    for row in range(len(dense)):
        taste = row // each
        own = np.array([0, 1, 2, 3]) + 5 * taste
        dense[row, own] = rng.uniform(0.4, 1.0, 4) * [1, -1, 1, 1]
        dense[row, 30 + taste // 2] = (1 if taste % 2 else -1) * rng.uniform(0.4, 1.0)
        dense[row, rng.integers(0, 40, 2)] += rng.normal(0, 0.15, 2)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    ids = [f"t{row // each}-{row % each}" for row in range(len(dense))]
    counts = np.array([10 + 100 // (1 + row % each) for row in range(len(dense))])
    metadata: dict[str, list[str | None]] = {
        "item_id": list(ids),
        "title": [f"{['Old', 'Café', 'Long'][row % 3]} number {row}" for row in range(len(dense))],
        "year": [str(1950 + row % 60) for row in range(len(dense))],
        "genres": [f"{GENRES[row // each]}|Drama" if row % 7 else "Drama" for row in range(len(dense))],
    }
    return ei.ItemCodes(ei.IdMap(ids), csr_array(dense), item_counts=counts), metadata


def make_histories(codes: ei.ItemCodes, count: int = 40, seed: int = 1) -> list[list[str]]:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 12, count)
    return [[codes.ids[int(row)] for row in rng.choice(len(codes.ids), size, replace=False)] for size in sizes]


def make_item_codes(items: int = 300, nnz: int = 6, seed: int = 5, *, negative: float = 0.1) -> ei.ItemCodes:
    """Codes over items, as sparse linear methods make them: few weights, nearly all positive, of items nearby, popular
    ones in more codes, and every 29th item without any. negative: the share of weights below 0."""
    rng = np.random.default_rng(seed)
    dense = np.zeros((items, items))
    for row in range(items):
        if row % 29:
            near = (row + rng.integers(1, 40, nnz)) % items
            near[0] = int(items * rng.random() ** 3) % items
            signs = np.where(rng.random(nnz) < negative, -1, 1)
            dense[row, near] = signs * rng.choice([0.125, 0.25, 0.3, 0.41, 0.7], nnz)
    np.fill_diagonal(dense, 0)
    ids = [*ODD_IDS, *(f"item{row}" for row in range(len(ODD_IDS), items))][:items]
    return ei.ItemCodes(ei.IdMap(ids), csr_array(dense), item_counts=np.arange(items, 0, -1), history_codes="items")


def make_two_matrices(items: int = 300, dims: int = 64, seed: int = 6) -> ei.ItemCodes:
    """Codes whose items bring others to a history than they are scored by: an encoder's and a decoder's."""
    decoder, encoder = make_codes(items, dims, 6, seed), make_codes(items, dims, 4, seed + 1, unit=False)
    return ei.ItemCodes(decoder.ids, decoder.weights, item_counts=decoder.item_counts, history_codes=encoder.weights)


def make_taste_log() -> ei.Interactions:
    """300 users of four tastes, by item number modulo 4, over 60 items; the last two items occur with nobody else."""
    rng = np.random.default_rng(0)
    users, items = [], []
    for user in range(300):
        taste = rng.integers(0, 4)
        likely = np.where(np.arange(58) % 4 == taste, 6.0, 1.0) / (1 + np.arange(58)) ** 0.5
        for item in rng.choice(58, rng.integers(2, 12), replace=False, p=likely / likely.sum()):
            users.append(f"u{user:03}")
            items.append(f"i{item:02}")
    users += ["alone", "lonely"]
    items += ["i58", "i59"]
    return ei.Interactions.from_pairs(pl.Series(users), pl.Series(items))


def without_items(log: ei.Interactions, items: list[str]) -> ei.Interactions:
    """The log before these came."""
    pairs = log.pairs().filter(~pl.col("item_id").is_in(items))
    return ei.Interactions.from_pairs(pairs["user_id"], pairs["item_id"])


def oracle(codes: ei.ItemCodes, histories: list[list[str]], k: int, store: str = "float16") -> list[np.ndarray]:
    """Scores of the exhaustive top k, written apart from the engines: dense float64 products, stable sort."""
    dense = codes.weights.toarray().astype(store).astype(np.float64)
    if isinstance(codes.history_codes, str):
        brought = dense if codes.history_codes == "same" else np.eye(len(dense))
    else:
        brought = codes.history_codes.toarray().astype(store).astype(np.float64)
    tops = []
    for history in histories:
        rows = codes.ids.rows(set(history))
        scores = dense @ brought[rows].sum(axis=0)
        tops.append(np.sort(np.delete(scores, rows))[::-1][:k])
    return tops
