"""Bytes of text as UTF-8, whatever they were."""

import codecs
import re

from ...errors import DataError
from .found import Notes

_OTHERS = {
    b"PK\x03\x04": "a zip archive, as Excel's workbooks are: write it as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "an Excel workbook: write it as CSV or Parquet",
    b"BZh": "packed by bzip2: unpack it, or pack it by gzip",
    b"\xfd7zXZ": "packed by xz: unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it, or pack it by gzip",
    b"ARROW1": "a Feather file: write it as Parquet",
    b"FEA1": "a Feather file: write it as Parquet",
    b"ORC": "an ORC file: write it as Parquet",
    b"Obj\x01": "an Avro file: write it as Parquet",
    b"SQLite format 3": "a database: export a table of it as CSV",
    b"\x80\x04\x95": "a pickle, which could run any program when it is read: write it as Parquet",
}
"""What files that are no text begin with, and what they are."""
_OPENS = re.compile(rb'(?:^|[^\w\s"])[ ]*"')
"""A quote that a field may begin with."""
_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",  # begins as UTF-16's does
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def as_utf8(data: bytes, encoding: str, name: str, notes: Notes) -> bytes:
    """The same text in UTF-8, without a byte order mark. What claims to be UTF-8 is checked by whoever parses it.

    Raises DataError where the text is not of that encoding.
    """
    for begins, kind in _OTHERS.items():
        if data.startswith(begins) and (len(begins) > 3 or b"\0" in data[:4096]):
            raise DataError(f"{name} is {kind}.")
    own = next((of for mark, of in _MARKS.items() if data.startswith(mark)), None)
    if own in ("utf-16", "utf-32"):
        notes.say(f"the text is {own.upper()}")
        encoding = own
    if codecs.lookup(encoding).name == "utf-8":
        if b"\0" in data:
            raise DataError(
                f"{name} is no text: it holds bytes 0; if it is UTF-16, pass --encoding utf-16 (LogFormat)."
            )
        return _without_marks(data)
    try:
        return _without_marks(data.decode(encoding).encode("utf-8"))
    except UnicodeError as error:
        raise DataError(f"{name} is no text in {encoding}: {error}") from None


def _without_marks(data: bytes) -> bytes:
    """Without byte order marks: files that were joined have one where each begins."""
    return data.removeprefix(codecs.BOM_UTF8).replace(b"\n" + codecs.BOM_UTF8, b"\n")


def with_line_feeds(data: bytes) -> bytes:
    """Lines that end as they do on Unix, where all end as they did on old Macs."""
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def without_comments(data: bytes, begins: str, notes: Notes, *, quotes: bool) -> bytes:
    """Without lines that begin so. quotes: those within a quoted field stay."""
    mark = begins.encode()
    if not (quotes and b'"' in data):
        kept, left_out = re.subn(rb"(?m)^" + re.escape(mark) + rb".*(?:\n|$)", b"", data)
        notes.count("comment lines", left_out)
        return kept
    lines, within = [], False
    for line in data.splitlines(keepends=True):
        if line.startswith(mark) and not within:
            notes.count("comment lines", 1)
            continue
        lines.append(line)
        if line.count(b'"') % 2 and (within or _OPENS.search(line)):
            within = not within
    return b"".join(lines)


def refuse_other_encoding(data: bytes, name: str, before: int = 0) -> None:
    """Raises DataError, with the line, where text is not UTF-8. before: lines of its file that come before it."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = before + data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line:,}: the byte 0x{data[error.start]:02x} is no UTF-8; say what the text is, --encoding "
            "latin-1 or cp1252 for example (LogFormat(encoding=...))."
        ) from None


def lines_of(data: bytes, most: int) -> list[str]:
    """Up to `most` first lines that are not blank, without their ends; what is no UTF-8 is replaced."""
    found: list[str] = []
    at = 0
    while len(found) < most and at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line = data[at:end].decode("utf-8", "replace").rstrip("\r")
        if line.strip():
            found.append(line)
        at = end + 1
    return found
