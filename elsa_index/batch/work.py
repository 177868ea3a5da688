"""What a run over files of histories keeps until it has ended, so that another one can go on with it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StorageError, UsageError, shorten
from ..storage.files import read_json
from ..storage.locks import lock_of, unlock


def unfinished(out: Path) -> Path:
    """The directory of a run that writes `out`."""
    return out.parent / f".{out.name}.unfinished"


class Work:
    """The directory beside the output in which a run keeps what it has done.

    parts: over which rows are spread; 0 before they are. latest: time of all rows, where there are times.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parts = 0
        self.latest: float | None = None
        self.asked: dict[str, Any] = {}

    @contextmanager
    def held(self, asked: dict[str, Any], *, resume: bool, overwrite: bool) -> Iterator[None]:
        """Makes the directory, or takes it over, and lets no other process have it."""
        if self.path.exists() and not (resume or overwrite):
            raise StorageError(
                f"{self.path} holds what an interrupted run did: pass --resume (resume=True) to go on with it, or "
                "--overwrite (overwrite=True) to begin anew."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        self.asked = asked
        descriptor = lock_of(self.path, os.O_NOFOLLOW)
        if descriptor is None:
            raise StorageError(f"{self.path} is being written by another process; try again when it has ended.")
        try:
            begun = self._begun() if resume else None
            different = [] if begun is None else list(_different(begun["asked"], asked))
            if different and not overwrite:
                raise UsageError(
                    f"The interrupted run in {self.path} asked something else: {', '.join(different)}. Ask the same to "
                    "go on with it, or pass --overwrite (overwrite=True) too, to begin anew."
                )
            if begun is not None and not different:
                self.parts, self.latest = begun["parts"], begun["latest"]
            else:
                for path in self.path.iterdir():
                    path.unlink()
            yield
        except BaseException:
            if not (self.path / "run.json").exists():  # there is nothing that could be gone on with
                shutil.rmtree(self.path, ignore_errors=True)
            raise
        finally:
            unlock(descriptor)

    def _begun(self) -> dict[str, Any] | None:
        """What is kept of a run that had spread its rows; None where none had."""
        if not (self.path / "run.json").exists():
            return None
        begun = read_json(self.path / "run.json")
        kinds = {"asked": dict, "parts": int, "latest": float | None}
        if not all(name in begun and isinstance(begun[name], kind) for name, kind in kinds.items()):
            raise StorageError(f"{self.path / 'run.json'} is damaged; begin anew by --overwrite (overwrite=True).")
        return begun

    def spread_over(self, parts: int, latest: float | None) -> None:
        """From here on a run can be gone on with."""
        self.parts, self.latest = parts, latest
        written = self.path / "run.json.new"
        written.write_text(json.dumps({"asked": self.asked, "parts": parts, "latest": latest}))
        written.replace(self.path / "run.json")

    def rows(self, part: int) -> Path:
        return self.path / f"rows-{part:05}.csv"

    def result(self, part: int, kind: str) -> Path:
        return self.path / f"result-{part:05}.{kind}"

    def counts(self, part: int) -> Path:
        return self.path / f"result-{part:05}.json"

    def clear(self) -> None:
        shutil.rmtree(self.path)


def _different(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """In what two runs differ: each of several options with its value."""
    for name, value in now.items():
        earlier = before.get(name)
        if isinstance(value, dict) and isinstance(earlier, dict):
            for part in value:
                if value[part] != earlier.get(part):
                    yield f"{part} was {shorten(earlier.get(part))}, and is {shorten(value[part])}"
        elif value != earlier:
            yield {"index": "the index", "histories": "the files of histories"}.get(name, name)
