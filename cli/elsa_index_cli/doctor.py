"""elsa-index doctor"""

from pathlib import Path
from typing import Annotated

import typer

from . import options

EXAMPLE = "Example: elsa-index doctor · elsa-index doctor catalogue.index"


def doctor(
    index: Annotated[
        Path | None, typer.Argument(help="An index directory to look at too: its files, age and answers.")
    ] = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Look at Python, Java, Lucene, FAISS and threads, or at an index, and say what to do about what is wrong."""
    import elsa_index as ei

    findings = ei.diagnose() if index is None else ei.diagnose_index(index)
    if json:
        options.print_json([vars(finding) for finding in findings])
    else:
        rows = [[finding.what, finding.state, finding.found, finding.advice] for finding in findings]
        options.table("", ["", "state", "found", "advice"], rows)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
