"""Options of commands that read logs and other tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    import elsa_index as ei

_FILES = "What files are like, where they do not say so themselves"
LogFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="LOG...",
        help="The log: CSV and its dialects, Parquet, JSON lines, RecBole's .inter, user-and-items lines, Netflix's "
        "blocks, also .gz; or .npz. Several files, a folder, 'logs/*.csv', or - for standard input.",
    ),
]


@dataclass(frozen=True)
class FormOptions:
    """What tables are like."""

    form: Annotated[
        Literal["auto", "csv", "lines", "jsonl", "netflix", "parquet"],
        typer.Option("--format", help="Of the files; auto: recognised by content.", rich_help_panel=_FILES),
    ] = "auto"
    separator: Annotated[
        str | None,
        typer.Option(help="Between fields, also of several characters.", show_default="found", rich_help_panel=_FILES),
    ] = None
    header: Annotated[
        bool | None,
        typer.Option(
            "--header/--no-header",
            help="Whether the first row names the columns. Without, columns go by number, the first is 1.",
            show_default="yes, unless it is numbers",
            rich_help_panel=_FILES,
        ),
    ] = None
    encoding: Annotated[str, typer.Option(help="Of text: latin-1, cp1252.", rich_help_panel=_FILES)] = "utf-8"
    quotes: Annotated[
        bool,
        typer.Option("--quotes/--no-quotes", help="Whether fields may stand in double quotes.", rich_help_panel=_FILES),
    ] = True
    comment: Annotated[str | None, typer.Option(help="Leave out lines that begin so.", rich_help_panel=_FILES)] = None

    @property
    def log_format(self) -> "ei.LogFormat":
        import elsa_index as ei

        return ei.LogFormat(self.form, self.separator, self.header, self.encoding, self.quotes, self.comment)


@dataclass(frozen=True)
class LogOptions:
    """Which columns and rows of a log are read."""

    user_column: Annotated[str, typer.Option(help="The log's column of user ids.")] = "user_id"
    item_column: Annotated[str, typer.Option(help="The log's column of item ids.")] = "item_id"
    value_column: Annotated[str | None, typer.Option(help="The log's column of ratings or counts, if it has one.")] = (
        None
    )
    min_value: Annotated[float | None, typer.Option(help="The lowest value that is an interaction.")] = None
    time_column: Annotated[str | None, typer.Option(help="The log's column of times, if it has one.")] = None
    weight_column: Annotated[
        str | None,
        typer.Option(help="The log's column of what interactions count, or of what --weight names."),
    ] = None
    weight: Annotated[
        list[str] | None,
        typer.Option(help="What interactions count, by event: view=1,cart=3,buy=10. 0 leaves them out."),
    ] = None
    min_user_items: Annotated[int, typer.Option(help="Drop users with fewer items.")] = 1
    where: Annotated[
        list[str] | None,
        typer.Option(help="Rows that count: event=transaction,addtocart. Repeatable: all of them hold."),
    ] = None

    time_format: Annotated[
        str | None, typer.Option(help="Of times: %d.%m.%Y.", show_default="found", rich_help_panel=_FILES)
    ] = None

    def read(self, files: Sequence[str], form: FormOptions) -> "ei.Interactions":
        """The log in these files."""
        import elsa_index as ei

        paths: list[str | Path] = list(files)
        return ei.read_interactions(
            paths[0] if len(paths) == 1 else paths,
            user_column=self.user_column,
            item_column=self.item_column,
            value_column=self.value_column,
            min_value=self.min_value,
            time_column=self.time_column,
            min_user_items=self.min_user_items,
            where=_chosen(self.where or []),
            weight_column=self.weight_column,
            weights=weights_of(self.weight or []),
            form=replace(form.log_format, time_format=self.time_format),
        )


def _chosen(given: list[str]) -> dict[str, list[str]]:
    """Values by column. Raises UsageError for what is no choice."""
    from elsa_index.errors import UsageError

    chosen: dict[str, list[str]] = {}
    for one in given:
        column, equals, values = one.partition("=")
        if not equals or not column.strip() or not values.strip():
            raise UsageError(
                f"--where must be COLUMN=VALUE,VALUE, for example event=transaction,addtocart; got {one!r}."
            )
        chosen.setdefault(column.strip(), []).extend(value.strip() for value in values.split(","))
    return chosen


def weights_of(given: list[str]) -> dict[str, float]:
    """Weights by text. Raises UsageError for what is none."""
    from elsa_index.errors import UsageError

    weights: dict[str, float] = {}
    for part in (part for one in given for part in one.split(",")):
        text, _, number = part.rpartition("=")
        if text.strip() in weights:
            raise UsageError(f"--weight gives {text.strip()!r} two numbers.")
        try:
            weights[text.strip()] = float(number)
        except ValueError:
            text = ""
        if not text.strip():
            raise UsageError(f"--weight must be EVENT=NUMBER,EVENT=NUMBER, for example view=1,buy=10; got {part!r}.")
    return weights
