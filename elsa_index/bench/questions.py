"""What every index is asked: histories, and what was hidden of them, where a split says so."""

from dataclasses import dataclass

from ..data.splits import Split
from ..errors import DataError


@dataclass(frozen=True)
class Questions:
    """histories: item ids, one list per user. hidden: as many lists of hidden items, or None. trained_on: the
    fingerprint of the log that an index may have been trained on, where quality is measured."""

    histories: list[list[str]]
    hidden: list[list[str]] | None = None
    trained_on: str | None = None

    @classmethod
    def of_split(cls, split: Split, users: int) -> "Questions":
        """The first `users` users of the first fold."""

        fold = split.fold(0)
        asked = [(history, hidden) for history, hidden in zip(fold.histories, fold.hidden, strict=True) if history]
        if not asked:
            raise DataError("The first fold of the split has no user with a history.")
        histories, hidden = map(list, zip(*asked[:users], strict=True))
        return cls(histories, hidden, split.train.fingerprint)

    def __len__(self) -> int:
        return len(self.histories)
