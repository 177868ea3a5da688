"""elsa-index fold-in"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options
from .log_options import FormOptions, LogOptions
from .spread import spread

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = (
    "Example: elsa-index fold-in catalogue.index log.csv --time-column timestamp · "
    "elsa-index fold-in model log.csv -o model-now"
)


@spread
def fold_in(
    target: Annotated[
        Path, typer.Argument(metavar="INDEX|MODEL", help="An index, changed in one commit, or what train wrote.")
    ],
    logs: Annotated[
        list[str],
        typer.Argument(metavar="LOG...", help="The log so far, of items new and old; as in train."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="For a MODEL: the model directory to write; may be MODEL.")
    ] = None,
    tags: Annotated[Path | None, typer.Option(help="For an INDEX: a table with item_id, tag, of new items.")] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(
            help="For an INDEX: a table with item_id, title and others, of new items. Those without interactions get "
            "the codes of their nearest by it, and the tag code:metadata."
        ),
    ] = None,
    rows: LogOptions = LogOptions(),
    form: FormOptions = FormOptions(),
    measure: Annotated[
        bool | None,
        typer.Option(
            "--measure/--no-measure",
            help="Whether to say first how good folding in is on this log, beside training again: trains twice for "
            "that.",
            show_default="yes, with --time-column",
        ),
    ] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Give codes to items that came after a training, without training again."""
    import elsa_index as ei
    from elsa_index.catalogue.manifest import NAME, Manifest
    from elsa_index.codes.item_codes import refuse_target
    from elsa_index.errors import name_some
    from elsa_index.training.origin import config_of

    is_index = (target / NAME).is_file()
    codes = None if is_index else ei.ItemCodes.load(target)
    _refuse_options_of_the_other(is_index=is_index, out=out, tags=tags, metadata=metadata)
    if out is not None:
        refuse_target(out, overwrite=overwrite)
    origin = Manifest.read(target).codes.origin if codes is None else codes.origin
    config = config_of(origin) if measure or (measure is None and rows.time_column) else None
    interactions = rows.read(logs, form)
    options.note_summary(interactions)
    quality = None
    if config is not None:
        quality = ei.fold_in_quality(interactions, config, on_way=options.note, on_epoch=options.say_epoch)
    by_metadata: list[str] = []
    with options.stages() as on_stage:
        if codes is None:
            done = ei.fold_into_index(
                target, interactions, on_stage=on_stage,
                tags=ei.read_tags(tags, form.log_format) if tags else None,
                metadata=ei.read_metadata(metadata, form.log_format) if metadata else None,
            )  # fmt: skip
            changed: dict[str, Any] = vars(done.changed) | {"by_metadata": done.by_metadata}
            by_metadata = done.by_metadata
            added, improved, without, size = done.added, done.improved, done.without_code, done.changed.items
        else:
            assert out is not None
            found = ei.fold_in(codes, interactions, on_stage)
            found.codes.save(out, overwrite=overwrite)
            ids, changed = found.codes.ids, {}
            added, improved = (ids.take(rows).tolist() for rows in (found.added, found.improved))
            without, size = found.without_code, len(ids)
    if json:
        figures = {} if quality is None else {"quality": quality.to_json()}
        about = {"items": size, "added": added, "without_code": without, "improved": improved}
        options.print_json(changed | about | figures)
        return
    if quality is not None:
        _show(quality)
    spoken_for = options.counted(len(improved), "other code", "other codes")
    print(
        f"{out or target}: {options.counted(len(added), 'item', 'items')} folded in, {size:,} in all; {spoken_for} "
        "changed, for which a new item speaks"
    )
    if by_metadata:
        print(f"{options.counted(len(by_metadata), 'item', 'items')} got codes by metadata, and the tag code:metadata")
    if without:
        have = options.counted(len(without), "new item has", "new items have")
        why = "nobody has them beside another item" + (", nor a term of metadata is in common" if metadata else "")
        options.note(f"warning: {have} no code and cannot be recommended yet, as {why}: {name_some(without)}")
    if quality is None:
        options.note("how good that is on this log: say --time-column")


def _refuse_options_of_the_other(*, is_index: bool, out: Path | None, tags: Path | None, metadata: Path | None) -> None:
    """Raises UsageError where an option does not go with what items are folded into."""
    from elsa_index.errors import UsageError

    if is_index and out is not None:
        raise UsageError("An index is changed where it is, in one commit: leave --out away.")
    if not is_index and out is None:
        raise UsageError("Items are folded into a model beside it: say where, --out OUT; it may be MODEL itself.")
    if not is_index and (tags or metadata):
        raise UsageError("A model has no tags and no metadata: give --tags and --metadata when the index is built.")


def _show(quality: "ei.FoldInQuality") -> None:
    rows = [
        [name, *(f"{metric.mean:.4f} ({metric.low:.4f} – {metric.high:.4f})" for metric in (way.new, way.all)),
         f"{way.seconds:.1f}" if way.seconds else ""]
        for name, way in quality.ways.items()
    ]  # fmt: skip
    title = (
        f"{quality.new_items:,} items that came between {quality.cut:.0%} and {quality.end:.0%} of the log; "
        f"nDCG@100 of what came then, for {quality.users[0]:,} and {quality.users[1]:,} users"
    )
    options.table(title, ["new items", "of new items, among all", "of all items", "seconds"], rows)
