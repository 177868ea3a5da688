"""elsa-index serve"""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from . import options

if TYPE_CHECKING:
    import elsa_index as ei

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
EXAMPLE = (
    "Example: elsa-index serve catalogue.index --port 8080, then open http://127.0.0.1:8080/ · "
    "curl -d '{\"history\":[\"1\"]}' -H 'content-type: application/json' http://127.0.0.1:8080/v1/recommend"
)


LogLevel = Literal["debug", "info", "warning", "error"]
CONTEXT = {"auto_envvar_prefix": "ELSA_INDEX_SERVE"}
"""Every option can come from the environment: ELSA_INDEX_SERVE_PORT."""


def serve(
    index: Annotated[
        list[str],
        typer.Argument(help="The index directory; or several as NAME=DIRECTORY, served under /indexes/NAME/v1."),
    ],
    host: Annotated[str, typer.Option(help="Where to listen; others than this machine need 0.0.0.0.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free; the log names it.")] = 8080,
    metadata: options.Metadata = None,
    workers: Annotated[int, typer.Option(help="Processes that answer, on the same port.")] = 1,
    threads: Annotated[
        int, typer.Option(help="That search at the same time, in each.", show_default="one per processor")
    ] = 0,
    deadline: Annotated[
        float,
        typer.Option(
            help="Seconds that a request may wait, from its arrival on; one that would wait longer gets a 503."
        ),
    ] = 2.0,
    grace: Annotated[int, typer.Option(help="Seconds that running requests have when the service stops.")] = 30,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A name that requests may call the service by, besides addresses and this machine's; repeatable."
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="A host whose pictures the page shows, where metadata holds their https URLs; repeatable."),
    ] = None,
    exclusions: Annotated[
        Path | None,
        typer.Option(
            help="A .txt of ids that are never returned, one per line; followed, and written by POST /v1/items/exclude."
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may ask from a browser (CORS): https://shop.example; repeatable."),
    ] = None,
    traces: Annotated[
        bool, typer.Option("--traces", help="Trace requests by OpenTelemetry, to OTEL_EXPORTER_OTLP_ENDPOINT.")
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="The least that is logged.")] = "info",
    connections: Annotated[int, typer.Option(help="At the same time, at most.")] = 1000,
    debug: options.Debug = False,
) -> None:
    """Serve an index over HTTP, with a page to try it. It follows new builds and changes of the index.

    Where the environment variable ELSA_INDEX_TOKEN is set, requests must bear it: Authorization: Bearer TOKEN. Then it
    takes changes too. Every option can come from the environment: ELSA_INDEX_SERVE_PORT, ELSA_INDEX_SERVE_ALLOW_HOST.
    """
    from elsa_index.extras import packages_of, require

    require("The service", *packages_of("serve"))
    if traces:
        require("Tracing", *packages_of("tracing"))
    from elsa_index.server.run import serve as run
    from elsa_index.server.settings import Settings

    if os.environ.get("ELSA_INDEX_TOKEN") == "":
        options.note("warning: ELSA_INDEX_TOKEN is empty, so that requests need no token.")
    settings = Settings(
        threads,
        os.environ.get("ELSA_INDEX_TOKEN") or None,
        grace,
        tuple(allow_host or ()),
        connections,
        tuple(images or ()),
        exclusions,
        log_level,
        deadline,
        workers,
        tuple(allow_origin or ()),
        traces,
    )
    run(_indexes(index, metadata), host, port, settings)


def _indexes(given: list[str], metadata: Path | None) -> dict[str, Callable[[], "ei.Index"]]:
    """What opens the indexes, by name."""
    from elsa_index.errors import UsageError, shorten

    if len(given) == 1 and ("=" not in given[0] or Path(given[0]).exists()):
        return {"": partial(options.opened, Path(given[0]), metadata)}
    found: dict[str, Callable[[], ei.Index]] = {}
    for one in given:
        name, _, path = one.partition("=")
        if not path or not _NAME.fullmatch(name):
            raise UsageError(
                "Several indexes are given as NAME=DIRECTORY, with a name of letters, digits, - and _; "
                f"got {shorten(one)}."
            )
        if name in found:
            raise UsageError(f"Two indexes have the name {name}; give each its own.")
        found[name] = partial(options.opened, Path(path), metadata)
    if metadata is not None and len(found) > 1:
        raise UsageError("--metadata is for one index; build the others with theirs: elsa-index build --metadata.")
    return found
