"""Errors that users see: one or two sentences that name the value, what is allowed and what to do."""


class ElsaIndexError(Exception):
    """Something failed in a way that the message explains. The command line exits with `exit_status`."""

    exit_status = 1


class UsageError(ElsaIndexError, ValueError):
    """The call itself was wrong: a parameter out of range, an impossible combination."""

    exit_status = 2


class MissingExtraError(UsageError, ImportError):
    """A package that this part of elsa-index needs is not installed."""


class DataError(ElsaIndexError, ValueError):
    """Input that cannot be used: a log, a file of histories, a matrix of codes."""


class UnknownIdError(DataError, KeyError):
    """Ids that the map does not hold."""

    __str__ = Exception.__str__  # KeyError would print the repr


class UnknownTagError(UsageError):
    """Tags that no item carries."""


class StorageError(ElsaIndexError, OSError):
    """A directory or file that is missing, damaged, in the way, or cannot be written."""


class TrainingInterrupted(ElsaIndexError):
    """A training was asked to stop and has written its checkpoint."""

    exit_status = 130


class ForkedError(ElsaIndexError, RuntimeError):
    """Something that a parent process used and that does not live on in its child."""


class JavaError(ElsaIndexError, RuntimeError):
    """No Java that can run Lucene, or Lucene itself failed."""


class ClusterError(ElsaIndexError, RuntimeError):
    """A cluster that is not there, refuses, is too old, or holds something else than expected."""


class DataWarning(UserWarning):
    """Input that can be used, and is perhaps not what was meant."""


def refuse_kind(what: str, value: object, kind: type, advice: str) -> None:
    """Raises UsageError where `value` is of another kind than a function takes.

    >>> refuse_kind("The log", "log.csv", list, "read it first.")
    Traceback (most recent call last):
    elsa_index.errors.UsageError: The log must be a list, got 'log.csv': read it first.
    """
    if not isinstance(value, kind):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        raise UsageError(f"{what} must be {article} {kind.__name__}, got {shorten(value)}: {advice}")


def shorten(value: object, limit: int = 60) -> str:
    """`value` as it is shown in a message: quoted, at most `limit` characters of it."""
    text = str(value)
    return repr(text if len(text) <= limit else text[:limit] + "…")


def name_some(values: list[str], limit: int = 5) -> str:
    """The first few of `values`, quoted, and how many more there are.

    >>> name_some(["a", "b", "c"], limit=2)
    "'a', 'b' and 1 more"
    """
    shown = ", ".join(shorten(value) for value in values[:limit])
    return shown if len(values) <= limit else f"{shown} and {len(values) - limit:,} more"
