"""ItemCodes: the artefact between learning and serving."""

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import numpy.typing as npt
import xxhash
from scipy.sparse import csr_array, eye_array

from ..data.columns import id_column
from ..data.npz import load_csr
from ..data.scipy_matrix import checked_csr, row_norms
from ..data.tables import read_parts
from ..errors import DataError, StorageError
from ..storage.files import existing_file, load_array, read_json
from ..storage.ids import IdMap, Rows
from ..storage.ranges import check_shape
from ..storage.seal import check_sealed, write_sealed
from ..storage.staging import refuse_existing, staged_directory

FORMAT = "elsa-index codes 4"
_UNSEALED = ("elsa-index codes 1", "elsa-index codes 2")
"""Formats that did not write down their files' checksums; no single flipped bit turns 4 into one of them."""
_NAME = "codes.json"

HistoryKind = Literal["same", "items", "matrix"]


@dataclass(frozen=True, eq=False)
class ItemCodes:
    """One code per item, by which it is scored, and what it brings to a history: score_j = A_j · Σ_i w_i H_i.

    Rows of A may be empty where H is not A: such items are never recommended, but count in histories.

    Attributes:
        ids: The items.
        weights: A, (items, dims) float32 CSR, signed.
        origin: Where the codes come from, as JSON.
        item_counts: (items,) int64 users that have each item, or None.
        sample_histories: (histories, items) CSR, or None.
        history_weights: w, (items,) float32, how much each item counts in a history; None: all alike, 1.
        history_codes: H. `same`: an item's code, H = A. `items`: the item itself, so that dimensions are items, and row
            j of A holds the items that speak for j. Or another (items, dims) matrix, such as the encoder of a model
            with two.

    Raises:
        DataError: For rows without weights (where H = A), weights that are not finite, and shapes that do not fit.

    >>> from scipy.sparse import csr_array, eye_array
    >>> codes = ItemCodes(IdMap(["a", "b"]), csr_array([[0.6, -0.8, 0], [0, 0, 1]]))
    >>> codes.dims, codes.nnz, codes.is_unit_norm
    (3, 2, True)
    >>> speaks_for = csr_array([[0, 0.5], [0.25, 0]])  # b for a, a for b
    >>> ItemCodes(IdMap(["a", "b"]), speaks_for, history_codes="items").history_kind
    'items'
    """

    ids: IdMap
    weights: csr_array
    origin: dict[str, Any] = field(default_factory=dict)
    item_counts: npt.NDArray[np.int64] | None = None
    sample_histories: csr_array | None = None
    history_weights: npt.NDArray[np.float32] | None = None
    history_codes: Literal["same", "items"] | csr_array = "same"

    def __post_init__(self) -> None:
        weights = _canonical(self.weights, self.ids, "code")
        object.__setattr__(self, "weights", weights)
        self._check_history_codes()
        empty = np.flatnonzero(np.diff(weights.indptr) == 0)
        if len(empty) and (self.history_kind == "same" or len(empty) == len(self.ids)):
            raise DataError(
                f"The code of item {self.ids[int(empty[0])]!r} (row {int(empty[0])}) has no nonzero weight "
                f"({len(empty):,} such items); leave such items out."
            )
        shares = self.history_weights
        if shares is not None and (shares.shape != (len(self.ids),) or not np.isfinite(shares).all()):
            raise DataError(
                f"History weights must be {len(self.ids):,} finite numbers, one per item, got shape {shares.shape}."
            )

    def _check_history_codes(self) -> None:
        if isinstance(self.history_codes, str):
            if self.history_codes not in ("same", "items"):
                raise DataError(
                    f"history_codes must be 'same', 'items' or a matrix of items x dims, got {self.history_codes!r}."
                )
            if self.history_codes == "items" and self.dims != len(self.ids):
                raise DataError(
                    "Where an item brings itself to a history, dimensions are items: the codes must be a matrix of "
                    f"items x items, got {len(self.ids):,} x {self.dims:,}."
                )
            return
        own = _canonical(self.history_codes, self.ids, "history code")
        if own.shape != self.weights.shape:
            raise DataError(
                f"History codes must have the shape of the codes, {len(self.ids):,} x {self.dims:,}, got "
                f"{own.shape[0]:,} x {own.shape[1]:,}."
            )
        object.__setattr__(self, "history_codes", own)

    @property
    def history_kind(self) -> HistoryKind:
        """What an item brings to a history: the `same` code, itself among the `items`, or a row of a `matrix`."""
        return cast(HistoryKind, self.history_codes) if isinstance(self.history_codes, str) else "matrix"

    @property
    def history_matrix(self) -> csr_array:
        """H, (items, dims) float32 CSR."""
        if isinstance(self.history_codes, str):
            return self.weights if self.history_codes == "same" else csr_array(eye_array(self.dims, dtype=np.float32))
        return self.history_codes

    @property
    def dims(self) -> int:
        return int(self.weights.shape[1])

    @property
    def nnz(self) -> int:
        """The most nonzeros that an item has."""
        return int(np.diff(self.weights.indptr).max())

    def history_weights_of(self, rows: Rows) -> npt.NDArray[np.float64]:
        """(rows,) how much each item counts in a history."""
        return np.ones(len(rows)) if self.history_weights is None else self.history_weights[rows].astype(np.float64)

    @property
    def norms(self) -> npt.NDArray[np.float64]:
        """(items,) Euclidean norms."""
        return row_norms(self.weights)

    @property
    def is_unit_norm(self) -> bool:
        return bool(np.abs(self.norms - 1).max() < 1e-3)

    def __repr__(self) -> str:
        per_item = self.weights.nnz / max(1, len(self.ids))
        model = self.origin.get("model", "of unknown origin")
        return f"ItemCodes({len(self.ids):,} items x {self.dims:,} dimensions, {per_item:.4g} nonzeros each, {model})"

    @cached_property
    def fingerprint(self) -> str:
        """XXH3 of ids and weights, and of history weights and codes where there are any: ties an index to its codes."""
        digest = xxhash.xxh3_128(str(self.weights.shape).encode())
        for part in self.ids.content():
            digest.update(part)
        digest.update(self.weights.indptr.astype("<i8").tobytes())
        digest.update(self.weights.indices.astype("<i8").tobytes())
        digest.update(self.weights.data.astype("<f4").tobytes())
        if self.history_weights is not None:
            digest.update(self.history_weights.astype("<f4").tobytes())
        if self.history_kind != "same":
            digest.update(self.history_kind.encode())
        if not isinstance(self.history_codes, str):
            digest.update(self.history_codes.indptr.astype("<i8").tobytes())
            digest.update(self.history_codes.indices.astype("<i8").tobytes())
            digest.update(self.history_codes.data.astype("<f4").tobytes())
        return digest.hexdigest()

    @property
    def space(self) -> str:
        """What the dimensions mean: the fingerprint of the codes that a training gave them by. Codes that were made to
        go with others, such as those of new items, have the others' in `origin`."""
        return str(self.origin.get("space", self.fingerprint))

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Writes a directory of plain arrays and codes.json, in one step."""
        with staged_directory(Path(path), overwrite=overwrite, is_ours=_is_codes) as staged:
            self.ids.save(staged, "ids")
            _save_matrix(self.weights, staged, "")
            if not isinstance(self.history_codes, str):
                _save_matrix(self.history_codes, staged, _HISTORY_CODES)
            if self.item_counts is not None:
                np.save(staged / "item_counts.npy", self.item_counts)
            if self.history_weights is not None:
                np.save(staged / "history_weights.npy", self.history_weights)
            if self.sample_histories is not None:
                np.save(staged / "histories.indptr.npy", self.sample_histories.indptr)
                np.save(staged / "histories.items.npy", self.sample_histories.indices)
            description = {
                "format": FORMAT,
                "items": len(self.ids),
                "dims": self.dims,
                "nnz": self.nnz,
                "history_codes": self.history_kind,
                "fingerprint": self.fingerprint,
                "origin": self.origin,
            }
            write_sealed(staged / _NAME, description)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ItemCodes":
        """Opens saved codes by memory map, and checks that they are what was written. Raises StorageError where they
        are damaged."""
        path = Path(path)
        if not _is_codes(path):
            raise StorageError(
                f"{path} is no directory of codes (it has no codes.json); make one with elsa-index train."
            )
        description = read_json(path / _NAME)
        files = _checked_files(path, description)
        try:
            shape = (int(description["items"]), int(description["dims"]))
            kind = description.get("history_codes", "same")
            counts, shares = (
                load_array(path / name) if name in files else None
                for name in ("item_counts.npy", "history_weights.npy")
            )
            if counts is not None:
                check_shape(counts, shape[:1], "iu", f"The item counts in {path}")
            codes = cls(
                IdMap.load(path, "ids"),
                _load_matrix(path, "", shape),
                description.get("origin", {}),
                counts,
                _load_histories(path, shape[0]) if "histories.indptr.npy" in files else None,
                shares,
                _load_matrix(path, _HISTORY_CODES, shape) if kind == "matrix" else kind,
            )
        except (ValueError, KeyError, TypeError, AttributeError, DataError) as error:
            raise StorageError(f"{path} is damaged: {error}") from None
        if codes.fingerprint != description.get("fingerprint"):
            raise StorageError(f"{path} is damaged: its arrays do not have the fingerprint that codes.json names.")
        return codes

    @classmethod
    def from_npz(
        cls,
        path: str | os.PathLike[str],
        item_ids: str | os.PathLike[str] | None = None,
        history_codes: str | os.PathLike[str] = "same",
    ) -> "ItemCodes":
        """Codes learned elsewhere: a signed SciPy matrix, items × dims, saved by `scipy.sparse.save_npz`.

        item_ids: a file of as many ids, in the order of the rows: a table with the column item_id, or `.txt`
        with one id per line. Without it the ids are the row numbers. history_codes: what an item brings to a history:
        its own row (`same`), itself (`items`: row j of an items × items matrix holds the items that speak for j), or a
        row of another such file.
        """
        path = existing_file(path, "The matrix of codes")
        weights = load_csr(path)
        names = map(str, range(weights.shape[0])) if item_ids is None else read_ids(item_ids)
        origin = {"imported_from": path.name}
        if str(history_codes) in ("same", "items"):
            return cls(IdMap(names), weights, origin, history_codes=cast(Any, str(history_codes)))
        other = existing_file(history_codes, "The matrix of history codes")
        return cls(IdMap(names), weights, origin | {"history_codes": other.name}, history_codes=load_csr(other))


def read_ids(path: str | os.PathLike[str]) -> list[str]:
    """Item ids in a file's order: the column item_id of a table, or the lines of a `.txt`."""
    path = existing_file(path, "The file of item ids")
    if path.suffix.lower() == ".txt":
        try:
            return path.read_text(encoding="utf-8-sig").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text: {error}") from None
    return [name for part in read_parts(path, ["item_id"]) for name in id_column(part, "item_id").to_list()]


def refuse_target(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raises StorageError where `ItemCodes.save` would refuse `path`: before hours of training, not after."""
    refuse_existing(Path(path), overwrite=overwrite, is_ours=_is_codes)


def _is_codes(path: Path) -> bool:
    return (path / _NAME).is_file()


def _canonical(matrix: Any, ids: IdMap, what: str) -> csr_array:
    """float32 CSR, sorted, summed, without stored zeros. Raises DataError where it does not fit the ids."""
    if not isinstance(matrix, csr_array) or matrix.dtype != np.float32 or not matrix.has_canonical_format:
        matrix = csr_array(matrix).astype(np.float32)
        matrix.sum_duplicates()
    if matrix.shape[0] != len(ids):
        raise DataError(
            f"There must be one id per row of the {what}s, got {len(ids):,} ids for {matrix.shape[0]:,} rows."
        )
    if min(matrix.shape) < 1:
        raise DataError(f"{what.capitalize()}s need at least one item and one dimension, got the shape {matrix.shape}.")
    if not np.isfinite(matrix.data).all():
        at = int(np.flatnonzero(~np.isfinite(matrix.data))[0])
        row = int(np.searchsorted(matrix.indptr, at, side="right")) - 1
        raise DataError(f"The {what} of item {ids[row]!r} (row {row}) holds {matrix.data[at]}; weights must be finite.")
    if matrix.nnz and not matrix.data.all():
        matrix = matrix.copy()
        matrix.eliminate_zeros()
    return matrix


_HISTORY_CODES = "history_codes."
_ADVICE = "Train the model again."


def _save_matrix(matrix: csr_array, directory: Path, prefix: str) -> None:
    np.save(directory / f"{prefix}indptr.npy", matrix.indptr)
    np.save(directory / f"{prefix}indices.npy", matrix.indices)
    np.save(directory / f"{prefix}weights.npy", matrix.data)


def _checked_files(path: Path, description: dict[str, Any]) -> set[str]:
    """The files of saved codes, whose seal is checked where they have one. Raises StorageError where it is broken."""
    if description.get("format") in _UNSEALED:
        return {file.name for file in path.iterdir()}
    if description.get("format") != FORMAT:
        raise StorageError(f"{path} has the format {description.get('format')!r}; this version reads {FORMAT!r}.")
    return set(check_sealed(path / _NAME, description, _ADVICE))


def _load_matrix(directory: Path, prefix: str, shape: tuple[int, int]) -> csr_array:
    weights, indices, indptr = (
        load_array(directory / f"{prefix}{name}.npy") for name in ("weights", "indices", "indptr")
    )
    return checked_csr(weights, indices, indptr, shape, f"The codes in {directory}")


def _load_histories(path: Path, items: int) -> csr_array:
    indptr, indices = load_array(path / "histories.indptr.npy"), load_array(path / "histories.items.npy")
    shape = (len(indptr) - 1, items)
    return checked_csr(np.ones(indices.shape, np.float32), indices, indptr, shape, f"The histories in {path}")
