"""elsa-index build"""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elsa_index.catalogue.build_options import BuildOptions
from elsa_index.codes.names import RowsAre
from elsa_index.limits import AT_LEAST_ONE
from elsa_index.segments.rules import SegmentRules

from . import options
from .log_options import FormOptions
from .spread import spread

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = (
    "Example: elsa-index build model -o catalogue.index · elsa-index build codes.npz --item-ids ids.txt -o c.index"
)


@spread
def build(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL|CODES.npz|MODEL.zip", help="A model directory, a SciPy CSR matrix, or compresso-recsys's."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The index directory to write.")],
    engine: Annotated[
        str, typer.Option(help="lucene, exact, opensearch, faiss-flat, -sq8, -hnsw, -ivfpq, seismic.")
    ] = BuildOptions.engine,
    bits: Annotated[int, typer.Option(help="Bits of an impact (lucene), 2 to 16.")] = BuildOptions.bits,
    store: Annotated[
        str | None,
        typer.Option(
            help="Precision of the stored codes: float16, float32, int8; none: only impacts (codes over items).",
            show_default="the engine's own",
        ),
    ] = BuildOptions.store,
    item_ids: Annotated[Path | None, typer.Option(help="Ids of a .npz's rows: .txt, or a table with item_id.")] = None,
    history_codes: Annotated[
        str | None,
        typer.Option(
            metavar="same|items|FILE.npz",
            help="What an item of a history brings, for a .npz: its own row, itself (row j of an items x items matrix "
            "holds the items that speak for j), or a row of another matrix.",
            show_default="same",
        ),
    ] = None,
    rows: Annotated[
        RowsAre | None,
        typer.Option(
            help="Of a .npz of items x items: targets, row j holds what others say for j; history, row i holds what i "
            "says for others, as EASE and implicit have it.",
            show_default="targets",
        ),
    ] = None,
    nnz: Annotated[
        int | None, typer.Option(help="Of a .npz of items x items: weights to keep per item, their mean.")
    ] = None,
    tags: Annotated[Path | None, typer.Option(help="A table with item_id, tag, for search --tag.")] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="A table with item_id, title and others: titles to show, and to name segments by."),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(help="A column of --metadata with numbers or dates, for search --range and --boost; repeatable."),
    ] = None,
    segments: Annotated[bool, typer.Option(help="Whether to find segments, for rows of a homepage.")] = True,
    segments_from: Annotated[
        Path | None,
        typer.Option(
            metavar="MODEL",
            help="A Compressed ELSA model whose segments these items get, for codes over items.",
            show_default="communities of the items",
        ),
    ] = None,
    least_items: Annotated[
        int, typer.Option(help="Items of a segment; smaller ones are dissolved.")
    ] = options.default_of(SegmentRules, "least_items"),
    histories: Annotated[
        Path | None,
        typer.Option(
            help="To calibrate on (lucene, opensearch), and to see which way round a .npz of items x items reads.",
            show_default="those kept with the model",
        ),
    ] = None,
    target_overlap: options.TargetOverlap = BuildOptions.target_overlap,
    url: Annotated[
        str | None, typer.Option(help="Nodes of the cluster, commas between them (opensearch): http://127.0.0.1:9200")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The alias that will serve the catalogue (opensearch).")] = None,
    shards: Annotated[int | None, typer.Option(help="Primary shards (opensearch).", show_default="1")] = None,
    replicas: Annotated[int | None, typer.Option(help="Copies of each shard (opensearch).", show_default="1")] = None,
    form: FormOptions = FormOptions(),
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Build an index directory from codes."""
    import elsa_index as ei
    from elsa_index.catalogue.manifest import NAME as MANIFEST

    AT_LEAST_ONE.check("--least-items", least_items)
    cluster = _cluster(engine, url, name, shards, replicas)
    if (source / MANIFEST).is_file():
        raise ei.UsageError(f"{source} is an index already; build takes codes, a model directory or a .npz file.")
    codes = ei.load_codes(source, item_ids, history_codes, rows, nnz)
    tagged = ei.read_tags(tags, form.log_format) if tags else None
    known = ei.read_metadata(metadata, form.log_format) if metadata else None
    latent = ei.load_codes(segments_from) if segments_from else None
    asked = ei.read_histories(histories, form=form.log_format).items if histories else None
    if asked and source.suffix == ".npz" and codes.history_kind == "items":
        _say_orientation(codes, asked, rows or "targets")
    started = time.perf_counter()
    with options.progress("indexing") as on_progress:
        index = ei.Index.build(
            codes, out, engine=engine, bits=bits, store=store, tags=tagged, metadata=known, numbers=number or [],
            segments=ei.SegmentRules(least_items=least_items) if segments else None, segments_from=latent,
            histories=asked, target_overlap=target_overlap, cluster=cluster, overwrite=overwrite,
            on_progress=on_progress,
        )  # fmt: skip
    with index:
        seconds = time.perf_counter() - started
        _warn_of_strangers(index, tagged, known)
        if json:
            options.print_json(_as_json(index, seconds))
        else:
            _say(index, out, seconds)


def _say_orientation(codes: "ei.ItemCodes", histories: list[list[str]], rows: RowsAre) -> None:
    """Which way round histories speak for: the matrix itself does not say."""
    from elsa_index.catalogue.orientation import compare_orientations

    if found := compare_orientations(codes, histories):
        other = "history" if rows == "targets" else "targets"
        options.note(
            f"{'warning: ' if found.turned > found.given else ''}an item hidden in each of {found.histories:,} "
            f"histories: nDCG@100 {found.given:.3f} with rows {rows}, {found.turned:.3f} with --rows {other}"
        )


def _cluster(
    engine: str, url: str | None, name: str | None, shards: int | None, replicas: int | None
) -> "ei.ClusterTarget | None":
    """Where the engine opensearch loads the catalogue; None for all others."""
    import elsa_index as ei
    from elsa_index.engines.cluster_target import URL_VARIABLE

    if engine == "opensearch" and url is None:
        url = os.environ.get(URL_VARIABLE)
    if name is None and (shards, replicas) != (None, None):
        raise ei.UsageError("--shards and --replicas are for the engine opensearch, with --url and --name.")
    if (url is None) != (name is None):
        raise ei.UsageError(
            "--url and --name belong together: the cluster and the alias that will serve the catalogue."
        )
    if not (url and name):
        return None
    return ei.ClusterTarget(url, name, shards or 1, 1 if replicas is None else replicas)


def _warn_of_strangers(
    index: "ei.Index", tagged: list[tuple[str, str]] | None, metadata: dict[str, list[str | None]] | None
) -> None:
    """What the files name and the codes do not, and the other way round."""
    from elsa_index.errors import name_some

    if tagged and (unknown := sorted({item for item, _ in tagged if item not in index.ids})):
        options.note(f"warning: {len(unknown):,} tagged items are not in the index, left out: {name_some(unknown)}")
    if metadata and (unnamed := sorted(set(index.ids) - set(metadata["item_id"]))):
        options.note(f"warning: {len(unnamed):,} items have no metadata: {name_some(unnamed)}")


def _as_json(index: "ei.Index", seconds: float) -> dict[str, Any]:
    manifest = index.manifest
    about: dict[str, Any] = {"items": len(index), "engine": index.engine, "seconds": round(seconds, 3)}
    about["calibration"] = manifest.calibration.model_dump() if manifest.calibration else None
    about["segments"] = len(index.segments) if index.segments else 0
    shown = ("name", "index", "replaces", "left_behind", "missing_replicas", "documents_per_second")
    about |= {key: manifest.parameters[key] for key in shown if key in manifest.parameters}
    loss, fingerprint = manifest.store_loss, manifest.codes.fingerprint
    return about | {"bytes": index.bytes_by_part, "store_loss": loss, "fingerprint": fingerprint}


def _say(index: "ei.Index", out: Path, seconds: float) -> None:
    parts, loss, manifest = index.bytes_by_part, index.manifest.store_loss, index.manifest
    sizes = ", ".join(f"{part} {size:,}" for part, size in parts.items())
    total = sum(parts.values())
    print(f"{out}: {len(index):,} items, {index.engine}, {total:,} bytes ({sizes}), {seconds:.1f} s")
    if loss:
        error, overlap = loss["max_score_error"], loss["overlap_at_100"]
        print(f"stored codes against those given: largest score error {error:.2g}, overlap@100 {overlap:.4f}")
    else:
        print("stored codes: float32, as given")
    _say_cluster(manifest.parameters)
    if entry := manifest.segments:
        print(f"{entry.segments:,} segments of {entry.items:,} items; elsa-index segments {out} shows them")
    if manifest.calibration:
        print(f"searches are calibrated: {manifest.calibration}; search --exact proves its answers")


def _say_cluster(parameters: dict[str, Any]) -> None:
    """What is on the cluster, and what is left there of others."""
    if "index" not in parameters:
        return
    rate = parameters["documents_per_second"]
    print(
        f"served as {parameters['name']} by the cluster's index {parameters['index']}, {rate:,.0f} documents per second"
    )
    if parameters["replaces"]:
        options.note(
            f"{parameters['replaces']} was replaced; the next build removes it, until then processes may use it"
        )
    if parameters["missing_replicas"]:
        options.note(f"warning: {parameters['missing_replicas']} replicas have no node to be on; the rest serves")
    for index in parameters["left_behind"]:
        options.note(f"warning: {index} is incomplete: its load still runs, or died on another host; then delete it")
