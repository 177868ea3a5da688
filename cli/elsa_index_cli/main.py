"""elsa-index: recommendations from a search engine."""

import os
import signal
import sys
import threading
import traceback
import warnings
from typing import Annotated, Any, TextIO

import typer

from . import (
    bench,
    build,
    compact,
    delete,
    diff,
    doctor,
    evaluate,
    export,
    fold_in,
    homepage,
    search,
    segments,
    serve,
    split,
    tag,
    train,
    tune,
    upgrade,
    upsert,
    verify,
)
from .options import note, state
from .printable import printable

app = typer.Typer(
    name="elsa-index",
    help="Recommendations from a search engine: learn sparse item codes, write them as impact postings, search.",
    epilog="Begin with: elsa-index split log.csv -o split · train split/train.parquet -o model · "
    "build model -o catalogue.index · search catalogue.index --items a,b,c",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (
    split, train, fold_in, diff, build, search, segments, homepage, serve,
    upsert, delete, tag, compact, upgrade, tune, evaluate, bench, export, verify, doctor,
)  # fmt: skip
for module in COMMANDS:
    name = module.__name__.rsplit(".", 1)[1]
    app.command(
        name.replace("_", "-"), epilog=module.EXAMPLE, context_settings=getattr(module, "CONTEXT", None)
    )(getattr(module, name))  # fmt: skip


def _say_version(wanted: bool) -> None:
    if wanted:
        from elsa_index import __version__

        print(f"elsa-index {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """Recommendations from a search engine: learn sparse item codes, write them as impact postings, search."""


def main() -> None:
    """Runs the command line. Exit status: 0 done, 1 the work failed, 2 the call was wrong."""
    from elsa_index.errors import ElsaIndexError

    _open_standard_streams()
    warnings.showwarning = _show_warning
    heed_signals()
    try:
        sys.exit(app(standalone_mode=False))
    except ElsaIndexError as error:
        if state.debug:
            traceback.print_exc()
        _complain(str(error))
        sys.exit(error.exit_status)
    except (KeyboardInterrupt, typer.Abort):
        _complain("interrupted; what was there before is as it was.")
        sys.exit(130)
    except MemoryError:
        if state.debug:
            traceback.print_exc()
        _complain("there is not enough memory for this; use fewer dims, a smaller batch size or fewer threads.")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except Exception as error:
        if hasattr(error, "format_message"):  # Typer's own, whose class lies elsewhere in each version
            _complain_of_call(error)
            sys.exit(2)
        if state.debug:
            raise
        _complain(f"{type(error).__name__}: {error} (run again with --debug to see where)")
        sys.exit(1)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Ours in one line, without a place in the code; those of libraries as usual."""
    from elsa_index.errors import DataWarning

    if issubclass(category, DataWarning):
        note(f"warning: {message}")
    else:
        print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stderr)


def _open_standard_streams() -> None:
    """Where a standard stream was closed (2>&-), a file that is opened next would take its number, and get what is
    meant for people written into it."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def heed_signals() -> None:
    """SIGTERM ends a command as Ctrl-C does, and so does a terminal that closes; none is lost."""
    signal.signal(signal.SIGTERM, _stop)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        # A service takes it for something else, later.
        signal.signal(signal.SIGHUP, signal.SIG_IGN if "serve" in sys.argv[1:2] else _stop)
    sys.unraisablehook = _raise_again


def _raise_again(lost: "sys.UnraisableHookArgs") -> None:
    """What a signal's handler raises while the callback of a weak reference runs, as when modules are imported, goes
    nowhere but here: it is raised again as soon as that has returned."""
    stops = issubclass(lost.exc_type, KeyboardInterrupt | SystemExit)
    if not stops or threading.current_thread() is not threading.main_thread():
        sys.__unraisablehook__(lost)
        return

    def stop(*_: object) -> None:
        raise lost.exc_value or lost.exc_type()

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.01)


def _stop(number: int, frame: object) -> None:
    """A signal ends a command as an error does: what it was writing is cleared away."""
    sys.exit(128 + number)


def _complain_of_call(error: Any) -> None:
    """Says what is wrong with a call in a line, and with which value; nothing where help was shown instead."""
    if not (message := error.format_message().rstrip(".")):
        return
    if hasattr(error.__cause__, "errors"):  # Pydantic's, which keep the value that Typer leaves out
        message += f", got {error.__cause__.errors()[0]['input']!r}"
    if not message.endswith("?"):
        message += "."
    _complain(f"{message} See {error.ctx.command_path if error.ctx is not None else 'elsa-index'} -h.")


def _complain(message: str) -> None:
    print(f"error: {printable(' '.join(message.split()))}", file=sys.stderr)
