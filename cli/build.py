"""elsa-index build"""

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options

EXAMPLE = (
    "Example: elsa-index build model -o catalogue.index · elsa-index build codes.npz --item-ids ids.txt -o c.index"
)


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
    ] = "lucene",
    bits: Annotated[int, typer.Option(help="Bits of an impact (lucene), 2 to 16.")] = 8,
    store: Annotated[
        str | None,
        typer.Option(help="Precision of the stored codes: float16, float32 or int8.", show_default="the engine's own"),
    ] = None,
    item_ids: Annotated[Path | None, typer.Option(help="Ids of a .npz's rows: .txt, or a table with item_id.")] = None,
    tags: Annotated[Path | None, typer.Option(help="A table with item_id, tag, for search --tag.")] = None,
    metadata: Annotated[
        Path | None,
        typer.Option(help="A table with item_id, title and others: titles to show, and to name segments by."),
    ] = None,
    segments: Annotated[bool, typer.Option(help="Whether to find segments, for rows of a homepage.")] = True,
    least_items: Annotated[int, typer.Option(help="Items of a segment; smaller ones are dissolved.")] = 8,
    histories: Annotated[
        Path | None,
        typer.Option(help="To calibrate on (lucene, opensearch).", show_default="those kept with the model"),
    ] = None,
    target_overlap: options.TargetOverlap = 0.99,
    url: Annotated[
        str | None, typer.Option(help="Nodes of the cluster, commas between them (opensearch): http://127.0.0.1:9200")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The alias that will serve the catalogue (opensearch).")] = None,
    shards: Annotated[int | None, typer.Option(help="Primary shards (opensearch).", show_default="1")] = None,
    replicas: Annotated[int | None, typer.Option(help="Copies of each shard (opensearch).", show_default="1")] = None,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Build an index directory from codes."""
    import elsa_index as ei
    from elsa_index.engines.opensearch.client import URL_VARIABLE
    from elsa_index.errors import name_some

    if least_items < 1:
        raise ei.UsageError(f"--least-items must be at least 1, got {least_items}.")
    if engine == "opensearch" and url is None:
        url = os.environ.get(URL_VARIABLE)
    if name is None and (shards, replicas) != (None, None):
        raise ei.UsageError("--shards and --replicas are for the engine opensearch, with --url and --name.")
    if (url is None) != (name is None):
        raise ei.UsageError(
            "--url and --name belong together: the cluster and the alias that will serve the catalogue."
        )
    cluster = ei.ClusterTarget(url, name, shards or 1, 1 if replicas is None else replicas) if url and name else None
    codes = ei.load_codes(source, item_ids)
    tagged = ei.read_tags(tags) if tags else None
    known = ei.read_metadata(metadata) if metadata else None
    rules = ei.SegmentRules(least_items=least_items) if segments else None
    asked = ei.read_histories(histories).items if histories else None
    started = time.perf_counter()
    with options.progress("indexing") as on_progress:
        index = ei.Index.build(
            codes, out, engine=engine, bits=bits, store=store, tags=tagged, metadata=known, segments=rules,
            histories=asked, target_overlap=target_overlap, cluster=cluster, overwrite=overwrite,
            on_progress=on_progress,
        )  # fmt: skip
    with index:
        if tagged and (unknown := sorted({item for item, _ in tagged if item not in index.ids})):
            options.note(f"warning: {len(unknown):,} tagged items are not in the index, left out: {name_some(unknown)}")
        if known and (unnamed := sorted(set(index.ids) - set(known["item_id"]))):
            options.note(f"warning: {len(unnamed):,} items have no metadata: {name_some(unnamed)}")
        seconds = time.perf_counter() - started
        parts, loss = index.bytes_by_part, index.manifest.store_loss
        total = sum(parts.values())
        if json:
            about = {"items": len(index), "engine": index.engine, "seconds": round(seconds, 3)}
            chosen = index.manifest.calibration
            about |= {"calibration": chosen.model_dump() if chosen else None}
            about |= {"segments": len(index.segments) if index.segments else 0}
            shown = ("name", "index", "replaces", "left_behind", "missing_replicas", "documents_per_second")
            about |= {key: index.manifest.parameters[key] for key in shown if key in index.manifest.parameters}
            options.print_json(about | {"bytes": parts, "store_loss": loss, "fingerprint": codes.fingerprint})
            return
        sizes = ", ".join(f"{part} {size:,}" for part, size in parts.items())
        print(f"{out}: {len(index):,} items, {index.engine}, {total:,} bytes ({sizes}), {seconds:.1f} s")
        if loss:
            error, overlap = loss["max_score_error"], loss["overlap_at_100"]
            print(f"stored codes against those given: largest score error {error:.2g}, overlap@100 {overlap:.4f}")
        else:
            print("stored codes: float32, as given")
        _say_cluster(index.manifest.parameters)
        if entry := index.manifest.segments:
            print(f"{entry.segments:,} segments of {entry.items:,} items; elsa-index segments {out} shows them")
        if index.manifest.calibration:
            print(f"searches are calibrated: {index.manifest.calibration}; search --exact proves its answers")


def _say_cluster(parameters: dict[str, Any]) -> None:
    """What is on the cluster, and what is left there of others."""
    if "index" not in parameters:
        return
    rate = parameters["documents_per_second"]
    print(
        f"served as {parameters['name']} by the cluster's index {parameters['index']}, {rate:,.0f} documents a second"
    )
    if parameters["replaces"]:
        options.note(
            f"{parameters['replaces']} was replaced; the next build removes it, until then processes may use it"
        )
    if parameters["missing_replicas"]:
        options.note(f"warning: {parameters['missing_replicas']} replicas have no node to be on; the rest serves")
    for index in parameters["left_behind"]:
        options.note(f"warning: {index} is incomplete: its load still runs, or died on another host; then delete it")
