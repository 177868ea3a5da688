"""What else people would train: popularity, item KNN, EASE, pruning after training, a sparse autoencoder.

No part of the product. Each is a function of the training matrix, (users, items) CSR, or of dense codes.
"""

import numpy as np
import numpy.typing as npt
import psutil
import scipy.linalg
import torch
from scipy.sparse import csr_array

from benchmarks.ranking import Scorer
from elsa_index.codes.over_items import pruned
from elsa_index.errors import UsageError

_BLOCK = 1024


def most_popular(matrix: csr_array) -> Scorer:
    """TopPop: the same scores for everybody, an item's interactions."""
    counts = torch.from_numpy(np.bincount(matrix.indices, minlength=matrix.shape[1]).astype(np.float32))
    return lambda histories: counts.repeat(histories.shape[0], 1)


def item_knn(matrix: csr_array, neighbours: int = 100, shrinkage: float = 0.0) -> csr_array:
    """Item KNN: for each item the cosines with its nearest neighbours, (items, items) CSR."""
    items = matrix.shape[1]
    by_item = csr_array(matrix.T)
    norms = np.sqrt(np.diff(by_item.indptr))
    columns, values = [], []
    for start in range(0, items, _BLOCK):
        rows = np.arange(start, min(items, start + _BLOCK))
        both = (by_item[rows] @ matrix).toarray()
        cosines = both / (norms[rows, None] * norms[None, :] + shrinkage)
        cosines[np.arange(len(rows)), rows] = 0
        nearest = np.argpartition(-cosines, min(neighbours, items - 1), axis=1)[
            :, :neighbours
        ].copy()  # of all columns, few are kept
        columns.append(nearest)
        values.append(np.take_along_axis(cosines, nearest, axis=1))
    return _rows(np.concatenate(columns), np.concatenate(values), items)


def ease(matrix: csr_array, regularisation: float = 100.0) -> npt.NDArray[np.float32]:
    """EASE (Steck, 2019): B = -P / diag(P) off the diagonal, P the inverse of XᵀX + λI. (items, items) float32.

    Raises UsageError, with the memory that it would need, where that is not there: P and LAPACK's copy.
    """
    items = matrix.shape[1]
    needed, free = 2.2 * 4 * items**2, psutil.virtual_memory().available
    if needed > free:
        raise UsageError(
            f"EASE of {items:,} items needs about {needed / 1e9:,.1f} GB, where {free / 1e9:,.1f} GB are free: "
            "use a log with fewer items, or leave out the rows ease."
        )
    inverse = np.zeros((items, items), dtype=np.float32, order="F")
    by_item = csr_array(matrix.T)
    for start in range(0, items, _BLOCK):
        rows = slice(start, min(items, start + _BLOCK))
        inverse[:, rows] = (by_item[rows] @ matrix).toarray().T
    inverse[np.diag_indices(items)] += regularisation
    # Cholesky and inversion in place: half the work of a general inverse and no second copy.
    inverse, failed = scipy.linalg.lapack.spotrf(inverse, lower=1, overwrite_a=1)
    assert not failed, failed
    inverse, failed = scipy.linalg.lapack.spotri(inverse, lower=1, overwrite_c=1)
    assert not failed, failed
    for start in range(0, items, _BLOCK):  # only the lower triangle was written
        stop = min(items, start + _BLOCK)
        block = np.tril(inverse[start:stop, start:stop])
        inverse[start:stop, start:stop] = block + np.tril(block, -1).T
        inverse[start:stop, stop:] = inverse[stop:, start:stop].T
    weights: npt.NDArray[np.float32] = inverse.T  # it is symmetric; so its rows are contiguous, as they are read
    diagonal = weights.diagonal().copy()
    for start in range(0, items, _BLOCK):
        weights[start : start + _BLOCK] /= -diagonal
    weights[np.diag_indices(items)] = 0
    return weights


def pruned_matrix(weights: npt.NDArray[np.float32], kept: int) -> csr_array:
    """Only the `kept` largest |B| of each row; not fitted again."""
    columns, values = [], []
    for start in range(0, len(weights), _BLOCK):
        block = np.ascontiguousarray(weights[start : start + _BLOCK])
        largest = _largest(np.abs(block), kept)
        columns.append(largest)
        values.append(np.take_along_axis(block, largest, axis=1))
    return _rows(np.concatenate(columns), np.concatenate(values), weights.shape[1])


def pruned_over_all(weights: npt.NDArray[np.float32], kept: int) -> csr_array:
    """`kept` of |B| per item on average, the largest of all, at most eight times as many for what speaks for one item;
    not fitted again. What `build --nnz` does."""
    most = min(8 * kept, len(weights) - 1)
    return csr_array(pruned(pruned_matrix(weights.T, most), kept).T)


def pruned_codes(codes: csr_array, kept: int) -> csr_array:
    """Dense codes after training: the `kept` largest magnitudes of each row, to norm 1. (items, dims) CSR."""
    dense = torch.from_numpy(codes.toarray())
    columns = dense.abs().topk(kept, dim=1).indices
    values = torch.nn.functional.normalize(dense.gather(1, columns), dim=1)
    return _rows(columns.numpy(), values.numpy(), codes.shape[1])


def autoencoder_codes(codes: csr_array, kept: int, seed: int, epochs: int = 20) -> csr_array:
    """A sparse autoencoder on dense codes (CompresSAE): cosine loss, top-k by magnitude, as many dimensions as there
    are; by the package compresso-pytorch. The codes of the items, to norm 1, (items, dims) CSR."""
    from compresso import TopKSAEConfig, TopKSAETrainer

    dense = torch.nn.functional.normalize(torch.from_numpy(codes.toarray()), dim=1)
    config = TopKSAEConfig(
        hidden_dim=codes.shape[1], k=kept, alpha_loss=1.0, batch_size=1024, epochs=epochs, lr=1e-3, decay=True,
        seed=seed, show_progress=False,
    )  # fmt: skip
    found = TopKSAETrainer(config).fit_transform(dense)
    values = torch.nn.functional.normalize(found.vals.float(), dim=1)
    return _rows(found.cols.cpu().numpy(), values.cpu().numpy(), codes.shape[1])


def _largest(values: npt.NDArray, count: int) -> npt.NDArray[np.int64]:
    """(rows, count) columns of each row's largest values, in no order; a copy, so that the others can be freed."""
    return np.argpartition(-values, count, axis=1)[:, :count].copy()


def _rows(columns: npt.NDArray, values: npt.NDArray, width: int) -> csr_array:
    """CSR from as many columns and values in each row; zeros left out."""
    count, kept = columns.shape
    parts = (values.ravel().astype(np.float32), columns.ravel(), np.arange(0, count * kept + 1, kept))
    matrix = csr_array(parts, shape=(count, width))
    matrix.sort_indices()
    matrix.eliminate_zeros()
    return matrix
