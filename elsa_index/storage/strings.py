"""Strings: many of them in one array."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from ..errors import DataError, StorageError, shorten
from .files import load_array


class Strings:
    """Strings as one UTF-8 array with offsets, so that millions are opened by memory map and not parsed.

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
        self._text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
        ends = np.cumsum([len(part) for part in encoded], dtype=np.uint64)
        self._offsets = np.concatenate([np.zeros(1, np.uint64), ends])
        self._check()

    def _check(self) -> None:
        if self._text.ndim != 1 or self._offsets.ndim != 1 or not len(self._offsets):
            raise StorageError("Stored strings are damaged: wrong shape.")
        if int(self._offsets[-1]) != len(self._text):
            raise StorageError("Stored strings are damaged: offsets and text do not agree.")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, row: int) -> str:
        start, end = int(self._offsets[row]), int(self._offsets[row + 1])
        return self._text[start:end].tobytes().decode("utf-8")

    def __iter__(self) -> Iterator[str]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: npt.NDArray[np.integer]) -> npt.NDArray[np.object_]:
        """The strings of `rows` (any shape), an object array of that shape; None where the row is negative."""
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
        """What a fingerprint of these strings is computed from."""
        return self._offsets.astype("<u8").tobytes(), self._text.tobytes()

    def save(self, directory: Path, name: str) -> None:
        offsets = self._offsets
        if int(offsets[-1]) < 2**32:
            offsets = offsets.astype(np.uint32)  # half the bytes for all but huge catalogues
        np.save(directory / f"{name}.utf8.npy", self._text)
        np.save(directory / f"{name}.offsets.npy", offsets)

    @classmethod
    def load(cls, directory: Path, name: str) -> Self:
        """Opens saved strings by memory map."""
        result = cls.__new__(cls)
        result._text = load_array(directory / f"{name}.utf8.npy")
        result._offsets = load_array(directory / f"{name}.offsets.npy")
        result._check()
        return result
