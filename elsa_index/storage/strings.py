"""Strings: many of them in one array."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ..errors import DataError, StorageError, shorten
from .files import load_array
from .ranges import check_shape, check_starts


class Strings:
    """Strings as one UTF-8 array with offsets, so that millions are opened by memory map and not parsed.

    utf8: (bytes,) uint8, all of them. offsets: (strings + 1,) unsigned, where each begins, and the end.

    >>> titles = Strings(["Toy Story", "", "Amélie"])
    >>> titles[2], len(titles), titles.take(np.array([0, -1])).tolist()
    ('Amélie', 3, ['Toy Story', None])
    """

    def __init__(self, values: Iterable[str]) -> None:
        """Raises DataError for text that is not valid Unicode: lone surrogates."""
        try:
            encoded = [value.encode("utf-8") for value in values]
        except UnicodeEncodeError as error:
            raise DataError(
                f"A text is not valid Unicode: {shorten(error.object.encode('utf-8', 'replace'))}."
            ) from None
        self.utf8 = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        ends = np.cumsum([len(part) for part in encoded], dtype=np.uint64)
        self.offsets = np.concatenate([np.zeros(1, np.uint64), ends])
        self.check()

    def check(self) -> None:
        """Raises StorageError where the arrays do not fit each other."""
        check_shape(self.utf8, (None,), "u", "Stored texts")
        check_starts(self.offsets, len(self.utf8), "Stored texts")

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        start, end = int(self.offsets[row]), int(self.offsets[row + 1])
        try:
            return self.utf8[start:end].tobytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise StorageError(f"Stored texts are damaged: {error}") from None

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.object_]:
        """The strings of `rows` (any shape), an object array of that shape; None where the row is negative."""
        flat = rows.ravel()
        ends = self.offsets.take(np.stack([flat, flat + 1])).tolist() if len(self) else [[], []]
        text = self.utf8.data
        result = np.empty(len(flat), dtype=object)
        try:
            result[:] = [
                str(text[start:end], "utf-8") if row >= 0 else None
                for row, start, end in zip(flat.tolist(), *ends, strict=True)
            ]
        except UnicodeDecodeError as error:
            raise StorageError(f"Stored texts are damaged: {error}") from None
        return result.reshape(rows.shape)

    def content(self) -> tuple[bytes, bytes]:
        """What a fingerprint of these strings is computed from."""
        return self.offsets.astype("<u8").tobytes(), self.utf8.tobytes()

    def save(self, directory: Path, name: str) -> None:
        offsets = self.offsets
        if int(offsets[-1]) < 2**32:
            offsets = offsets.astype(np.uint32)  # half the bytes for all but huge catalogues
        np.save(directory / f"{name}.utf8.npy", self.utf8)
        np.save(directory / f"{name}.offsets.npy", offsets)

    @classmethod
    def load(cls, directory: Path, name: str) -> Self:
        """Opens saved strings by memory map."""
        result = cls.__new__(cls)
        result.utf8 = load_array(directory / f"{name}.utf8.npy")
        result.offsets = load_array(directory / f"{name}.offsets.npy")
        result.check()
        return result
