"""Texts of logs, indexes and clusters as a terminal may get them."""

import re
import sys

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""`text` with what moves a cursor, changes colours or turns the direction of writing as escapes. Lines and tabs
    stay.

    >>> print(printable("\x1b[2Jgone\u202e"))
    \x1b[2Jgone\u202e
    """
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def for_stdout(text: str) -> str:
    """The same where people look at standard output; programs get every character."""
    return printable(text) if sys.stdout.isatty() else text


def as_json_text(text: str) -> str:
    """JSON in which such characters are escapes, as they may be in JSON."""
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
