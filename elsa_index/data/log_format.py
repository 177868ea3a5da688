"""LogFormat: what the files of a log, of histories, tags or metadata are like, where they do not say so themselves."""

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import UsageError

Kind = Literal["auto", "csv", "lines", "jsonl", "netflix", "parquet"]


@dataclass(frozen=True)
class LogFormat:
    """What files are like. All that is left open is recognised by content.

    Attributes:
        kind: `csv`: rows of fields, whatever separates them. `lines`: a user and its items on each line (LightGCN).
            `jsonl`: a JSON object on each line. `netflix`: blocks that begin with an item and a colon. `parquet`.
        separator: Between fields; may be longer than a character, as `::` is.
        header: Whether the first row names the columns. False: columns are called 1, 2, 3 and so on.
        encoding: Of text, as Python calls it.
        quotes: Whether fields may stand between double quotes. False: a quote is a character.
        comment: Lines that begin so are left out.
        time_format: Of times, as in `strptime`: `%d.%m.%Y`.

    Raises:
        UsageError: For values that no file can have.

    >>> LogFormat(separator="::", header=False, encoding="latin-1").separator
    '::'
    """

    kind: Kind = "auto"
    separator: str | None = None
    header: bool | None = None
    encoding: str = "utf-8"
    quotes: bool = True
    comment: str | None = None
    time_format: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise UsageError(f"format must be one of {', '.join(get_args(Kind))}, got {self.kind!r}.")
        try:
            "".encode(self.encoding)
        except (LookupError, UnicodeError, TypeError):  # base64 and rot13 are none of text
            raise UsageError(
                f"encoding must be one that Python knows, such as latin-1, got {self.encoding!r}."
            ) from None
        if self.separator is not None and (not self.separator or set(self.separator) & set('"\r\n')):
            raise UsageError(f"separator must be text without quotes and line breaks, got {self.separator!r}.")
        if self.comment is not None and not self.comment:
            raise UsageError("comment must be what the lines to leave out begin with, got ''.")

    @property
    def is_left_open(self) -> bool:
        """Whether what rows look like is to be recognised."""
        return self.kind == "auto" and self.separator is None and self.header is None


AS_IT_IS = LogFormat()
