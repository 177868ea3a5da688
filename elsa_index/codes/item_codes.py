"""ItemCodes: the artefact between learning and serving."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array

from ..data.scipy_matrix import load_csr
from ..data.tables import read_table, refuse_missing
from ..errors import DataError, StorageError
from ..storage.files import existing_file, load_array, read_json, refuse_existing, staged_directory, write_json
from ..storage.ids import IdMap, Rows

FORMAT = "elsa-index codes 1"


@dataclass(frozen=True, eq=False)
class ItemCodes:
    """One code per item: the rows of A.

    ids: the items. weights: (items, dims) float32 CSR, signed, every row with at least one nonzero.
    origin: where the codes come from, as JSON. item_counts: (items,) int64 users that have each item, or None.
    sample_histories: (histories, items) CSR, or None. history_weights: (items,) float32, how much of its code each
    item brings to a history, u = Σ history_weight · A_i; None: all of it.

    Raises DataError for rows without weights, weights that are not finite, and rows that do not fit the ids.

    >>> from scipy.sparse import csr_array
    >>> codes = ItemCodes(IdMap(["a", "b"]), csr_array([[0.6, -0.8, 0], [0, 0, 1]]))
    >>> codes.dims, codes.nnz, codes.is_unit_norm
    (3, 2, True)
    """

    ids: IdMap
    weights: csr_array
    origin: dict[str, Any] = field(default_factory=dict)
    item_counts: npt.NDArray[np.int64] | None = None
    sample_histories: csr_array | None = None
    history_weights: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        weights = self.weights
        if not isinstance(weights, csr_array) or weights.dtype != np.float32 or not weights.has_canonical_format:
            weights = csr_array(weights).astype(np.float32)
            weights.sum_duplicates()
            object.__setattr__(self, "weights", weights)
        if weights.shape[0] != len(self.ids):
            raise DataError(
                f"There must be one id per row of the codes, got {len(self.ids):,} ids for {weights.shape[0]:,} rows."
            )
        if min(weights.shape) < 1:
            raise DataError(f"Codes need at least one item and one dimension, got the shape {weights.shape}.")
        if not np.isfinite(weights.data).all():
            at = int(np.flatnonzero(~np.isfinite(weights.data))[0])
            row = int(np.searchsorted(weights.indptr, at, side="right")) - 1
            raise DataError(
                f"The code of item {self.ids[row]!r} (row {row}) holds {weights.data[at]}; weights must be finite."
            )
        if weights.nnz and not weights.data.all():
            weights = weights.copy()
            weights.eliminate_zeros()
            object.__setattr__(self, "weights", weights)
        empty = np.flatnonzero(np.diff(weights.indptr) == 0)
        if len(empty):
            raise DataError(
                f"The code of item {self.ids[int(empty[0])]!r} (row {int(empty[0])}) has no nonzero weight "
                f"({len(empty):,} such items); leave such items out."
            )
        shares = self.history_weights
        if shares is not None and (shares.shape != (len(self.ids),) or not np.isfinite(shares).all()):
            raise DataError(
                f"History weights must be {len(self.ids):,} finite numbers, one per item, got shape {shares.shape}."
            )

    @property
    def dims(self) -> int:
        return int(self.weights.shape[1])

    @property
    def nnz(self) -> int:
        """The most nonzeros that an item has."""
        return int(np.diff(self.weights.indptr).max())

    def history_weights_of(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows,) how much of its code each item brings to a history."""
        return np.ones(len(rows)) if self.history_weights is None else self.history_weights[rows].astype(np.float64)

    @property
    def norms(self) -> npt.NDArray[np.float64]:
        """(items,) Euclidean norms."""
        squares = np.square(self.weights.data, dtype=np.float64)
        return np.sqrt(np.add.reduceat(squares, self.weights.indptr[:-1]))

    @property
    def is_unit_norm(self) -> bool:
        return bool(np.abs(self.norms - 1).max() < 1e-3)

    @cached_property
    def fingerprint(self) -> str:
        """XXH3 of ids and weights, also of history weights where there are any: ties an index to its codes."""
        digest = xxhash.xxh3_128(str(self.weights.shape).encode())
        for part in self.ids.content():
            digest.update(part)
        digest.update(self.weights.indptr.astype("<i8").tobytes())
        digest.update(self.weights.indices.astype("<i8").tobytes())
        digest.update(self.weights.data.astype("<f4").tobytes())
        if self.history_weights is not None:
            digest.update(self.history_weights.astype("<f4").tobytes())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a directory of plain arrays and codes.json, in one step."""
        with staged_directory(Path(path), overwrite=overwrite, is_ours=_is_codes) as staged:
            self.ids.save(staged, "ids")
            np.save(staged / "indptr.npy", self.weights.indptr)
            np.save(staged / "indices.npy", self.weights.indices)
            np.save(staged / "weights.npy", self.weights.data)
            if self.item_counts is not None:
                np.save(staged / "item_counts.npy", self.item_counts)
            if self.history_weights is not None:
                np.save(staged / "history_weights.npy", self.history_weights)
            if self.sample_histories is not None:
                np.save(staged / "histories.indptr.npy", self.sample_histories.indptr)
                np.save(staged / "histories.items.npy", self.sample_histories.indices)
            write_json(
                staged / "codes.json",
                {
                    "format": FORMAT,
                    "items": len(self.ids),
                    "dims": self.dims,
                    "nnz": self.nnz,
                    "fingerprint": self.fingerprint,
                    "origin": self.origin,
                },
            )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ItemCodes":
        """Opens saved codes by memory map and checks their fingerprint. Raises StorageError where they are damaged."""
        path = Path(path)
        if not _is_codes(path):
            raise StorageError(
                f"{path} is no directory of codes (it has no codes.json); make one with elsa-index train."
            )
        description = read_json(path / "codes.json")
        if description.get("format") != FORMAT:
            raise StorageError(f"{path} has the format {description.get('format')!r}; this version reads {FORMAT!r}.")
        try:
            shape = (int(description["items"]), int(description["dims"]))
            parts = [load_array(path / f"{name}.npy") for name in ("weights", "indices", "indptr")]
            codes = cls(
                IdMap.load(path, "ids"),
                csr_array(tuple(parts), shape=shape),
                description.get("origin", {}),
                _load_optional(path / "item_counts.npy"),
                _load_histories(path, shape[0]),
                _load_optional(path / "history_weights.npy"),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(f"{path} is damaged: {error}") from None
        if codes.fingerprint != description.get("fingerprint"):
            raise StorageError(f"{path} is damaged: its arrays do not have the fingerprint that codes.json names.")
        return codes

    @classmethod
    def from_npz(cls, path: str | os.PathLike[str], item_ids: str | os.PathLike[str] | None = None) -> "ItemCodes":
        """Codes learned elsewhere: a signed SciPy matrix, items × dims, saved by `scipy.sparse.save_npz`.

        item_ids: a file of as many ids, in the order of the rows: a table with the column item_id, or `.txt`
        with one id per line. Without it the ids are the row numbers.
        """
        path = existing_file(path, "The matrix of codes")
        weights = load_csr(path)
        names = map(str, range(weights.shape[0])) if item_ids is None else read_ids(item_ids)
        return cls(IdMap(names), weights, origin={"imported_from": path.name})


def read_ids(path: str | os.PathLike[str]) -> list[str]:
    """Item ids in a file's order: the column item_id of a table, or the lines of a `.txt`."""
    path = existing_file(path, "The file of item ids")
    if path.suffix.lower() == ".txt":
        try:
            return path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text: {error}") from None
    frame = read_table(path, ["item_id"])
    refuse_missing(frame, ["item_id"], path)
    return frame["item_id"].to_list()


def refuse_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raises StorageError where `ItemCodes.save` would refuse `path`: before hours of training, not after."""
    refuse_existing(Path(path), overwrite=overwrite, is_ours=_is_codes)


def _is_codes(path: Path) -> bool:
    return (path / "codes.json").is_file()


def _load_optional(path: Path) -> npt.NDArray | None:
    return load_array(path) if path.exists() else None


def _load_histories(path: Path, items: int) -> csr_array | None:
    if not (path / "histories.indptr.npy").exists():
        return None
    indptr, indices = load_array(path / "histories.indptr.npy"), load_array(path / "histories.items.npy")
    return csr_array((np.ones(len(indices), np.float32), indices, indptr), shape=(len(indptr) - 1, items))
