"""elsa-index doctor"""

import typer

from . import options

EXAMPLE = "Example: elsa-index doctor"


def doctor(json: options.Json = False, debug: options.Debug = False) -> None:
    """Look at Python, Java, Lucene, FAISS and threads, and say what to do about what is wrong."""
    import elsa_index as ei

    findings = ei.diagnose()
    if json:
        options.print_json([vars(finding) for finding in findings])
    else:
        rows = [[finding.what, finding.state, finding.found, finding.advice] for finding in findings]
        options.table("", ["", "state", "found", "advice"], rows)
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
