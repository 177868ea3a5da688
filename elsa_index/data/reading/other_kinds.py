"""Formats of text that are no rows of fields: user-and-items lines, JSON lines, Netflix's blocks."""

import io
import json
import re
from typing import Any

from ...errors import DataError, shorten
from .found import ROW, Found, Notes
from .text import refuse_other_encoding

_BLOCK = re.compile(r"^\d+:$")
_JSON = re.compile(rb"""\s*([{]\s*["}]|\[\s*[\[{\]"])""")
_NUMBERS = re.compile(r"^\d+([ \t]\d+( \d+)*)? ?$")


def are_lines(sample: list[str]) -> bool:
    """Whether lines are a user and its items: numbers between single spaces, more on some lines than on others; after
    the user there may be a tab."""
    return all(map(_NUMBERS.match, sample)) and len({len(line.split()) for line in sample}) > 1


def read_lines(data: bytes, name: str, user: str, item: str, separator: str | None = None, *, before: int = 0) -> Found:
    """A row for each item of each line. user, item: what the columns are called. separator: None: blanks and tabs.
    before: lines of its file that come before these."""
    import polars as pl

    refuse_other_encoding(data, name, before)
    lines = pl.Series(data.decode("utf-8").split("\n"), dtype=pl.String)
    words = lines.str.replace_all(r"[ \t\r]+", " ").str.split(" ") if separator is None else lines.str.split(separator)
    notes = Notes()
    frame = pl.DataFrame({"words": words}).with_row_index(ROW, offset=1 + before)
    word = pl.element().str.strip_chars()
    frame = frame.with_columns(words=pl.col("words").list.eval(word.filter(word != "")))
    frame = frame.filter(pl.col("words").list.len() > 0)
    notes.count("users without items", int((frame["words"].list.len() == 1).sum()))
    frame = frame.with_columns(pl.col("words").list.first().alias(user), pl.col("words").list.slice(1).alias(item))
    frame = frame.filter(pl.col(item).list.len() > 0).explode(item).select(ROW, user, item)
    if not frame.height:
        raise DataError(
            f"{name} has no line of a user and its items, such as {shorten(lines[0])}; say what stands between them, "
            "--separator (LogFormat)."
        )
    return Found(frame, "a user and its items on each line", notes=notes)


def are_blocks(sample: list[str]) -> bool:
    """Whether they begin as Netflix's do: an item's number and a colon, then rows of it."""
    return len(sample) > 1 and bool(_BLOCK.match(sample[0].strip())) and "," in sample[1]


def read_blocks(data: bytes, name: str, user: str, item: str) -> Found:
    """user, item, and then `rating` and `date`. Raises DataError for a row that has not as many fields as the first."""
    import polars as pl

    refuse_other_encoding(data, name)
    lines = pl.read_csv(
        io.BytesIO(b"line\n" + data), separator="\x1f", quote_char=None, infer_schema=False
    ).with_row_index(ROW, offset=1)
    is_head = pl.col("line").str.contains(r"^\s*\d+:\s*$")
    of_item = pl.when(is_head).then(pl.col("line").str.strip_chars(" \r:")).forward_fill().alias(item)
    frame = lines.with_columns(of_item).filter(~is_head & (pl.col("line").str.strip_chars() != ""))
    commas = frame["line"].str.count_matches(",")
    wrong = (commas != commas[:1].item()) | (commas > 2) if len(commas) else commas
    if wrong.any():
        at = int(wrong.arg_true()[0])
        raise DataError(
            f"{name}, row {frame[ROW][at]:,}: it must be user, rating and date with commas between them, as the others "
            f"are, or an item and a colon; got {shorten(frame['line'][at])}."
        )
    fields = pl.col("line").str.split_exact(",", 2).struct.rename_fields([user, "rating", "date"]).alias("fields")
    frame = frame.select(ROW, item, fields).unnest("fields")
    return Found(frame, "Netflix's blocks: columns rating and date")


def is_json(data: bytes) -> bool:
    """Whether text begins as JSON does: a row of fields may begin with a bracket, too."""
    return bool(_JSON.match(data))


def read_json_lines(data: bytes, name: str, *, before: int = 0) -> Found:
    """All columns as text, numbers as they are written; null where a line does not have them or has null; without those
    of lists and objects. before: lines of its file that come before these."""
    import polars as pl

    refuse_other_encoding(data, name, before)
    text = data.decode("utf-8")
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    if text.lstrip().startswith("["):
        rows = _parsed(text, name, 1)
        numbers = list(range(1, len(rows) + 1))
    else:
        for number, line in enumerate(text.split("\n"), 1 + before):
            if line.strip():
                rows.append(_parsed(line, name, number))
                numbers.append(number)
    for number, row in zip(numbers, rows, strict=True):
        if not isinstance(row, dict):
            raise DataError(f"{name}, row {number:,}: it must be a JSON object, got {shorten(row)}.")
    columns = dict.fromkeys(column for row in rows for column in row)
    nested: dict[str, int] = {}
    for number, row in zip(numbers, rows, strict=True):
        for column, value in row.items():
            if isinstance(value, (dict, list)):
                nested.setdefault(column, number)
            elif isinstance(value, str) and not _is_whole(value):
                raise DataError(
                    f"{name}, row {number:,}: {column} holds half a character, {value!r}, which no text can: write it "
                    "again as UTF-8."
                )
    columns = {column: None for column in columns if column not in nested}
    frame = pl.DataFrame(
        {column: [_text(row.get(column)) for row in rows] for column in columns},
        schema=dict.fromkeys(columns, pl.String),
    )
    return Found(frame.with_columns(pl.Series(ROW, numbers)), "JSON lines", nested=nested)


def _is_whole(text: str) -> bool:
    """Whether it has no half of a pair of UTF-16."""
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _parsed(text: str, name: str, number: int) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [key for key, _ in pairs]
            twice = next(key for key in names if names.count(key) > 1)
            raise DataError(f"{name}, row {number:,}: {shorten(twice)} is there more than once; one value is needed.")
        return found

    try:
        return json.loads(text, object_pairs_hook=once, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}, row {number:,}: it is no JSON ({error}): {shorten(text)}.") from None


def _text(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)
