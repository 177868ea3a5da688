"""IdMap: external ids and their rows, frozen."""

from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from .errors import DataError, StorageError, UnknownIdError, name_some, shorten

Rows = npt.NDArray[np.int64]


def external_id(value: object) -> str:
    """`value` as an external id: a string as it is, an integer in decimal digits."""
    if isinstance(value, str) and value:
        return value
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    raise DataError(f"An id must be a non-empty string or an integer, got {shorten(value)} ({type(value).__name__}).")


class IdMap:
    """External ids <-> rows 0 … n - 1.

    Any non-empty text is an id: commas, quotes, newlines, 10,000 characters. Ids are kept as one UTF-8 array
    with offsets, so that a map of millions is opened by memory map and not parsed.

    >>> items = IdMap(["tt1", "tt2", "a,b"])
    >>> items.rows(["a,b", "tt1"]).tolist(), items[1], len(items)
    ([2, 0], 'tt2', 3)
    >>> items.rows(["tt9"])
    Traceback (most recent call last):
    elsa_index.errors.UnknownIdError: 1 unknown id: 'tt9'
    """

    def __init__(self, ids: Iterable[object]) -> None:
        """Raises DataError for an empty, non-text or duplicate id."""
        names = [external_id(value) for value in ids]
        if len(set(names)) < len(names):
            seen: set[str] = set()
            repeated = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
            raise DataError(f"Ids must be unique; repeated: {name_some(repeated)}.")
        try:
            encoded = [name.encode("utf-8") for name in names]
        except UnicodeEncodeError as error:
            raise DataError(
                f"An id is not valid Unicode text: {shorten(error.object.encode('utf-8', 'replace'))}."
            ) from None
        self._text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        ends = np.cumsum([len(part) for part in encoded], dtype=np.uint64)
        self._offsets = np.concatenate([np.zeros(1, np.uint64), ends])
        self._check()

    def _check(self) -> None:
        if self._text.ndim != 1 or self._offsets.ndim != 1 or not len(self._offsets):
            raise StorageError("Stored ids are damaged: wrong shape.")
        if int(self._offsets[-1]) != len(self._text):
            raise StorageError("Stored ids are damaged: offsets and text do not agree.")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> str:
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        return self._text[start:end].tobytes().decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))

    def __contains__(self, name: object) -> bool:
        return name in self._row_of

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self)}

    def find(self, names: Iterable[object]) -> Rows:
        """Rows of `names`, int64; -1 for a name that is not here."""
        row_of = self._row_of
        return np.array([row_of.get(external_id(name), -1) for name in names], dtype=np.int64)

    def rows(self, names: Iterable[object]) -> Rows:
        """Rows of `names`, int64. Raises UnknownIdError, listing what is missing."""
        wanted = [external_id(name) for name in names]
        rows = self.find(wanted)
        missing = [name for name, row in zip(wanted, rows, strict=True) if row < 0]
        if missing:
            raise UnknownIdError(f"{len(missing)} unknown id{'s' * (len(missing) > 1)}: {name_some(missing)}")
        return rows

    def take(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.object_]:
        """Ids of `rows` (any shape), an object array of that shape; None where the row is negative."""
        flat = rows.ravel()
        ends = self._offsets.take(np.stack([flat, flat + 1])).tolist() if len(self) else [[], []]
        text = self._text.data
        result = np.empty(len(flat), dtype=object)
        result[:] = [
            str(text[start:end], "utf-8") if row >= 0 else None
            for row, start, end in zip(flat.tolist(), *ends, strict=True)
        ]
        return result.reshape(rows.shape)

    def content(self) -> tuple[bytes, bytes]:
        """What a fingerprint of these ids is computed from."""
        return self._offsets.astype("<u8").tobytes(), self._text.tobytes()

    def save(self, directory: Path, name: str) -> None:
        offsets = self._offsets
        if int(offsets[-1]) < 2**32:
            offsets = offsets.astype(np.uint32)  # half the bytes for all but huge catalogues
        np.save(directory / f"{name}.utf8.npy", self._text)
        np.save(directory / f"{name}.offsets.npy", offsets)

    @classmethod
    def load(cls, directory: Path, name: str) -> "IdMap":
        """Opens saved ids by memory map."""
        result = cls.__new__(cls)
        result._text = load_array(directory / f"{name}.utf8.npy")
        result._offsets = load_array(directory / f"{name}.offsets.npy")
        result._check()
        return result


def load_array(path: Path) -> npt.NDArray:
    """A saved array, memory-mapped. Raises StorageError where it is missing or damaged; never unpickles."""
    try:
        if path.stat().st_size == 0:
            raise ValueError("the file is empty")
        # A plain array over the mapped bytes: indexing a np.memmap costs several times as much.
        return np.load(path, mmap_mode="r", allow_pickle=False).view(np.ndarray)
    except (ValueError, OSError, EOFError) as error:
        raise StorageError(f"{path} is missing or damaged: {error}") from None
