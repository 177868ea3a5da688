"""Long texts in blocks of whole rows, so that memory holds one at a time."""

import codecs
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from ...errors import DataError
from ..log_format import Kind, LogFormat
from ..raw_bytes import most_unpacked
from .other_kinds import are_blocks, are_lines, is_json
from .text import lines_of

SIZE = 16 << 20
"""Bytes of a block."""
_SAMPLE = 50


def blocks_of(path: Path, form: LogFormat, size: int = SIZE) -> Iterator[tuple[bytes, LogFormat, int]]:
    """What a text file holds, unpacked: blocks that are files of their own, each with the header, what they are like,
    which the first one tells, and how many rows come before. One block where that cannot be told without reading the
    whole: other encodings, comments, line breaks within quotes.

    Raises DataError as `unpacked` does.
    """
    packed = path.suffix.lower() == ".gz" or _begins(path, b"\x1f\x8b")
    most = most_unpacked(path.stat().st_size) if packed else None
    try:
        with cast(BinaryIO, gzip.open(path) if packed else path.open("rb")) as file:
            yield from _blocks(file, form, size, most, str(path))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is no whole gzip file: {error}") from None


def _blocks(
    file: BinaryIO, form: LogFormat, size: int, most: int | None, name: str
) -> Iterator[tuple[bytes, LogFormat, int]]:
    data = file.read(size).removeprefix(codecs.BOM_UTF8)
    whole = not _may_be_cut(data, form)
    if not whole and form.kind == "auto":
        form = replace(form, kind=_kind_of(data, form))
    rows = form.kind in ("lines", "jsonl")  # without a header
    header = b"" if whole or rows or form.header is False else _header_of(data)
    quotes = form.quotes and not rows
    taken, before, is_first = len(data), 0, True
    while data:
        more = file.read(-1 if whole else size)
        taken += len(more)
        if most is not None and taken > most:
            raise DataError(f"{name} unpacks to {taken:,} bytes and more, as no log of its size does.")
        end = len(data) if not more else _end_of_rows(data, quotes=quotes)
        if whole or end is None:
            whole = True
            data += more
            if more:
                continue
            end = len(data)
        block, data = data[:end], data[end:] + more
        if block.strip():
            yield (block, form, 0) if is_first else (header + block, form, before - header.count(b"\n"))
            is_first = False
        before += block.count(b"\n")


def _may_be_cut(data: bytes, form: LogFormat) -> bool:
    """Whether rows end at line breaks, wherever they are."""
    begins = data[:4096].lstrip()
    is_utf8 = codecs.lookup(form.encoding).name == "utf-8" and b"\0" not in data
    marked = begins.startswith((b"[", b"\xff\xfe", b"\xfe\xff")) or begins[:4].lower() == b"sep="
    if form.comment or not is_utf8 or marked or form.kind in ("netflix", "parquet"):
        return False
    return not (form.is_left_open and are_blocks(lines_of(data, _SAMPLE)))


def _header_of(data: bytes) -> bytes:
    """The first line that is not blank, with those before it."""
    found = re.match(rb"(?:[ \t\r]*\n)*[^\n]*\n", data)
    return found[0] if found else b""


def _kind_of(data: bytes, form: LogFormat) -> Kind:
    if is_json(data):
        return "jsonl"
    return "lines" if form.is_left_open and are_lines(lines_of(data, _SAMPLE)) else "csv"


def _end_of_rows(data: bytes, *, quotes: bool) -> int | None:
    """Where the last whole row ends; None where a quote makes that uncertain."""
    end = data.rfind(b"\n") + 1
    if quotes and b'"' in data:
        characters = np.frombuffer(data, np.uint8, end)
        open_quotes = np.logical_xor.accumulate(characters == ord('"'))
        if open_quotes[characters == ord("\n")].any():
            return None
    return end


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark
