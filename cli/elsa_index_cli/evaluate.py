"""elsa-index evaluate"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index evaluate catalogue.index split -k 20,50,100"


def evaluate(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    split_dir: Annotated[Path, typer.Argument(metavar="SPLIT_DIR", help="What elsa-index split wrote.")],
    k: Annotated[str, typer.Option("-k", help="Ranks, separated by commas.")] = "20,50,100",
    exact: Annotated[bool, typer.Option("--exact", help="Prove every ranking.")] = False,
    folds: Annotated[int | None, typer.Option(help="Only the first so many folds.", show_default="all")] = None,
    half_life: options.HalfLife = None,
    weights: Annotated[
        bool, typer.Option("--weights/--no-weights", help="Whether the log's weights count in histories.")
    ] = True,
    threads: options.Threads = 1,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Score an index's rankings against the hidden items of a split."""
    import elsa_index as ei

    ranks = options.numbers("-k", k, "20,50,100")
    split = ei.Split.load(split_dir)
    with ei.Index.open(index) as opened, options.progress("ranking") as on_progress:
        found = ei.evaluate(
            opened, split, ranks, exact=exact, threads=threads, folds=folds, half_life=half_life, weights=weights,
            on_progress=on_progress,
        )  # fmt: skip
        calibration = None if exact else opened.manifest.calibration
    if json:
        options.print_json(found.to_json() | {"calibration": calibration.model_dump() if calibration else None})
        return
    rows = [
        [name, f"{metric.mean:.4f}", f"{metric.low:.4f} – {metric.high:.4f}"] for name, metric in found.metrics.items()
    ]
    rows += [[name, f"{value:.4f}", ""] for name, value in found.coverage.items()]
    title = f"{index}: protocol {found.protocol}, {found.users:,} users, {found.folds} folds"
    options.table(title, ["metric", "mean", "95 % interval"], rows)
    if calibration:
        options.note(f"ranked as calibrated: {calibration}; --exact proves every ranking")
    options.note(
        "recall: hits / min(k, hidden), as in the paper; plain_recall: hits / hidden; intervals: bootstrap over users"
    )
