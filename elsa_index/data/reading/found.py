"""What reading a file gave: a table, and what there is to say about it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

ROW = "\0row"
"""The column of rows' numbers, by a name that no file's column has."""


@dataclass
class Notes:
    """What was done that people may not expect. counts: how often, by what it was. said: sentences."""

    counts: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)

    def count(self, what: str, times: int) -> None:
        if times:
            self.counts[what] += times

    def say(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.append(sentence)

    def add(self, others: "Notes") -> None:
        self.counts.update(others.counts)
        for sentence in others.said:
            self.say(sentence)


@dataclass
class Found:
    """frame: columns by name; ROW counts from 1 after the header, or what a row of the file is otherwise. kind: what
    the file was read as, for people. has_header: whether the columns' names come from a row of text. nested: columns
    that are not among these, as they hold lists or objects, and the first row that does."""

    frame: "pl.DataFrame"
    kind: str
    has_header: bool = False
    notes: Notes = field(default_factory=Notes)
    nested: dict[str, int] = field(default_factory=dict)
