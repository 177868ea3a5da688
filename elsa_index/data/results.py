"""Writing results: a table of rankings, in the format that a file's name says."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, UsageError, shorten
from ..forks import POLARS
from ..storage.staging import staged_file

if TYPE_CHECKING:
    import polars as pl

WRITABLE = ".csv, .parquet, .jsonl or .trec"


def write_parquet(frame: "pl.DataFrame", path: Path) -> None:
    frame.write_parquet(path, compression="zstd")


def writable_format(path: Path) -> str:
    """The format in which results go to `path`, by its name. Raises UsageError for any other."""
    kind = path.suffix.lower().removeprefix(".")
    if kind not in {"csv", "parquet", "jsonl", "trec"}:
        raise UsageError(f"The output {path} has no known format; its name must end in {WRITABLE}.")
    return kind


def write_results(frame: "pl.DataFrame", path: Path, *, overwrite: bool = False, run: str = "elsa-index") -> None:
    """Writes the columns user_id, rank, item_id, score (and popular) as CSV, Parquet, JSON lines or a TREC run, where
    popular items are of a run of their own.

    Raises DataError, with nothing written, for ids with white space in a TREC run, whose columns are
    separated by white space.
    """
    import polars as pl

    POLARS.use()
    kind = writable_format(path)
    if kind == "trec":
        for column in ("user_id", "item_id"):
            spaced = frame.filter(pl.col(column).str.contains(r"\s"))
            if spaced.height:
                raise DataError(
                    f"A TREC run cannot hold the {column} {shorten(spaced[column][0])}: its columns are separated by "
                    "white space. Write .csv, .parquet or .jsonl instead."
                )
    with staged_file(path, overwrite=overwrite) as staged:
        if kind == "csv":
            frame.write_csv(staged)
        elif kind == "parquet":
            write_parquet(frame, staged)
        elif kind == "jsonl":
            frame.write_ndjson(staged)
        else:
            of_run = pl.lit(run)
            if "popular" in frame.columns:
                of_run = pl.when("popular").then(pl.lit(f"{run}-popular")).otherwise(of_run)
            run_columns = frame.select(
                "user_id", pl.lit("Q0").alias("q0"), "item_id", "rank", "score", of_run.alias("run")
            )
            run_columns.write_csv(staged, separator=" ", include_header=False, quote_style="never")


def join_results(parts: Sequence[Path], path: Path, kind: str) -> None:
    """One file of several that `write_results` wrote, in their order."""
    if len(parts) == 1:
        parts[0].replace(path)
        return
    if kind == "parquet":
        import polars as pl

        pl.concat([pl.scan_parquet(part) for part in parts]).sink_parquet(path, compression="zstd")
        return
    with path.open("wb") as joined:
        for at, part in enumerate(parts):
            with part.open("rb") as file:
                if kind == "csv" and at:
                    file.readline()
                shutil.copyfileobj(file, joined, 1 << 20)
