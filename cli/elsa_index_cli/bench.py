"""elsa-index bench"""

from pathlib import Path
from typing import Annotated

import typer

from elsa_index.bench.options import BenchOptions

from . import options

EXAMPLE = (
    "Example: elsa-index bench lucene.index flat.index split --report report · bench c.index --histories users.csv"
)


def bench(
    paths: Annotated[
        list[Path], typer.Argument(metavar="INDEX... [SPLIT_DIR]", help="Index directories; a split adds quality.")
    ],
    histories: Annotated[Path | None, typer.Option(help="A table with user_id, item_id, in place of a split.")] = None,
    k: Annotated[int, typer.Option("-k", help="Items per history.")] = BenchOptions.k,
    threads: Annotated[
        str, typer.Option(help="Numbers of threads for throughput, separated by commas.")
    ] = options.listed(BenchOptions.threads),
    users: Annotated[int, typer.Option(help="Histories to ask: the first ones.")] = BenchOptions.users,
    rounds: Annotated[int, typer.Option(help="Rounds; the spread is over them.")] = BenchOptions.rounds,
    report: Annotated[Path | None, typer.Option(help="A directory for index.html and report.json.")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Measure indexes side by side: bytes, memory, latency, throughput, overlap with exact answers, quality.

    Of a split, the first fold alone is asked; evaluate asks all of them.
    """
    from elsa_index.bench.measure import bench as measure
    from elsa_index.bench.questions import Questions
    from elsa_index.bench.report import columns, is_report, require_report, sizes, write_report
    from elsa_index.data.histories import read_histories
    from elsa_index.data.splits import Split
    from elsa_index.errors import UsageError
    from elsa_index.storage.staging import refuse_existing

    counts = options.numbers("--threads", threads, "1,2")
    BenchOptions.LIMITS["users"].check("--users", users)
    splits = [path for path in paths if (path / "split.json").is_file()]
    indexes = [path for path in paths if path not in splits]
    if len(splits) + (histories is not None) != 1:
        raise UsageError("Name one split directory, or a file of histories by --histories FILE.")
    if report is not None:
        require_report()
        refuse_existing(report, overwrite=overwrite, is_ours=is_report)
    questions = (
        Questions.of_split(Split.load(splits[0]), users)
        if splits
        else Questions(read_histories(histories).items[:users])
    )
    found = measure(indexes, questions, k=k, threads=counts, rounds=rounds, say=options.note)
    if report is not None:
        write_report(found, report, overwrite=overwrite)
        options.note(f"{report / 'index.html'}: open it in a browser")
    if json:
        options.print_json(found.to_json())
    else:
        options.table("", *columns(found))
        options.table("", *sizes(found))
    if not found.quiet:
        options.note("warning: the machine was not quiet: medians of rounds differ by more than 10 %; run it again")
