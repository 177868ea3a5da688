"""A catalogue of any size from trained codes: what the benchmarks of speed and size are run on.

Command: python -m benchmarks.catalogue MODEL -o DIR --items 1000000 [--seed 42] (half a minute for a million)

The trained items come first, as they are, so that real histories can be asked; those kept with the codes, for
calibration, stay. Each further item is a mixture of two trained ones that share a dimension, as a new item of a known
kind would be: the first one's code, in which a quarter of the weights are replaced by some of the second one's, all
weights multiplied by log-normal noise (sigma 0.25), and the norm of the first. Nonzeros per item, how long each posting
list is relative to the others, weights within a list and the norms thus stay those of the trained codes; no two items
are the same.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, vstack

import elsa_index as ei

REPLACED, NOISE = 0.25, 0.25
_ROWS = 50_000


def expanded(codes: ei.ItemCodes, items: int, seed: int = 42) -> ei.ItemCodes:
    """Codes of `items` items, the trained ones first; fewer than are trained: the first `items` of them."""
    trained = codes.weights.shape[0]
    rng = np.random.default_rng(seed)
    if items <= trained:
        shares = None if codes.history_weights is None else codes.history_weights[:items]
        ids = ei.IdMap(codes.ids[row] for row in range(items))
        asked = codes.sample_histories
        if asked is not None:
            asked = csr_array(asked[:, :items])
            asked = csr_array(asked[np.diff(asked.indptr) > 0])
        return ei.ItemCodes(ids, codes.weights[:items], {}, None, asked, shares)
    lists = codes.weights.tocsc()
    parts, norms, origins = [codes.weights], codes.norms, [np.arange(trained)]
    for start in range(trained, items, _ROWS):
        count = min(_ROWS, items - start)
        first = rng.integers(trained, size=count)
        parts.append(_mixed(codes.weights, lists, first, norms, rng))
        origins.append(first)
    origin = np.concatenate(origins)
    names = [codes.ids[row] for row in range(trained)]
    names += [f"+{row}" for row in range(trained, items)]
    shares = None if codes.history_weights is None else np.asarray(codes.history_weights)[origin]
    about = {"expanded_from": codes.fingerprint, "seed": seed}
    asked = codes.sample_histories
    if asked is not None:
        asked = csr_array((asked.data, asked.indices, asked.indptr), shape=(asked.shape[0], items))
    return ei.ItemCodes(ei.IdMap(names), csr_array(vstack(parts)), about, None, asked, shares)


def _mixed(
    codes: csr_array, lists: csr_array, first: np.ndarray, norms: np.ndarray, rng: np.random.Generator
) -> csr_array:
    """Codes of the rows `first`, each with a share of its weights replaced."""
    lengths = np.diff(codes.indptr)[first]
    rows = np.repeat(np.arange(len(first)), lengths)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    position = codes.indptr[first][rows] + within
    # A partner of each: a random item from the list of a random dimension of the first.
    dim = codes.indices[codes.indptr[first] + rng.integers(lengths)]
    sizes = np.diff(lists.indptr)[dim]
    second = lists.indices[lists.indptr[dim] + rng.integers(sizes)]
    kept = rng.random(len(rows)) >= REPLACED
    seconds = np.diff(codes.indptr)[second]
    other = codes.indptr[second][rows] + rng.integers(seconds[rows])
    columns = np.where(kept, codes.indices[position], codes.indices[other])
    values = np.where(kept, codes.data[position], codes.data[other]) * rng.lognormal(0, NOISE, len(rows))
    # A dimension drawn twice counts once: the first of each pair of row and dimension is kept.
    _, unique = np.unique(rows.astype(np.int64) * codes.shape[1] + columns, return_index=True)
    rows, columns, values = rows[unique], columns[unique], values[unique]
    squares = np.bincount(rows, values**2, minlength=len(first))
    values *= (norms[first] / np.sqrt(squares))[rows]
    return csr_array((values.astype(np.float32), (rows, columns)), shape=(len(first), codes.shape[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    made = expanded(ei.ItemCodes.load(given.model), given.items, given.seed)
    made.save(given.out)
    print(f"{given.out}: {len(made.ids):,} items, {made.weights.nnz / len(made.ids):.2f} nonzeros per item")


if __name__ == "__main__":
    main()
