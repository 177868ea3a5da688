"""One directory an export: data in parts, ready queries, a README that loads and asks them."""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import get_args

from ..catalogue.catalogue import Catalogue
from ..codes.impacts import ImpactScale
from ..engines.batching import Counter
from ..engines.contract import Progress
from ..engines.stored_codes import StoredCodesEngine
from ..errors import DataError, UsageError
from ..index import Index
from ..storage.files import write_json
from ..storage.staging import staged_directory
from .anserini import write_anserini
from .ciff import write_ciff
from .cluster import write_elasticsearch, write_opensearch
from .names import ExportName
from .source import AskedHistory, Source

NAME = "export.json"
_BITS = 8


EXPORTS: dict[ExportName, Callable[[Source, Path, Counter], None]] = {
    "opensearch": write_opensearch,
    "elasticsearch": write_elasticsearch,
    "jsonl": write_anserini,
    "ciff": write_ciff,
}


def export(
    index: Index,
    to: ExportName,
    path: str | os.PathLike[str],
    *,
    histories: Sequence[Sequence[object]] | None = None,
    users: Sequence[str] | None = None,
    titles: Iterable[tuple[str, str]] | None = None,
    overwrite: bool = False,
    on_progress: Progress | None = None,
) -> None:
    """Writes the directory `path`, beside its target and moved into place when it is complete.

    Args:
        index: What to write.
        path: The directory.
        to: `opensearch` or `elasticsearch`, a mapping, bulk files and requests; `jsonl`, Anserini's JSON vectors;
            `ciff`, the Common Index File Format (Lin et al., SIGIR 2020).
        histories: For each a ready query is written; the first item's alone where None.
        users: Names of the histories.
        titles: Pairs of item id and title, searchable text in a cluster.
        overwrite: Replace what is there.
        on_progress: Called with how many items are done, and of how many.

    Raises:
        UsageError: For engines that keep no sparse codes.
        DataError: Where no history has a known item.
        StorageError: Where `path` is in the way.
    """
    if to not in EXPORTS:
        raise UsageError(f"to must be one of {', '.join(get_args(ExportName))}, got {to!r}.")
    catalogue = index.catalogue
    engine = catalogue.engine
    if not isinstance(engine, StoredCodesEngine):
        raise UsageError(
            f"The engine {engine.name} keeps no sparse codes to export; export an index of the engine lucene, "
            "exact or opensearch with stored codes."
        )
    if catalogue.manifest.codes.history == "matrix" and to in ("opensearch", "elasticsearch"):
        raise UsageError(
            f"An export to {to} lets clients make queries of items' codes, and these items bring a row of another "
            "matrix to a history; export to jsonl or ciff, or build with --engine opensearch."
        )
    parameters = catalogue.manifest.parameters
    bits = parameters.get("bits", _BITS)
    if "impact_scale" in parameters:
        scale = ImpactScale(bits, parameters["impact_scale"])
    else:
        scale = ImpactScale.fitting(bits, engine.store.values, unit_norm=False)
    named = None
    if titles is not None:
        by_id = dict(titles)
        named = [by_id.get(name) for name in catalogue.ids]
        if not any(named):
            raise DataError(f"None of the {len(by_id):,} titles is of an item in the index.")
    if titles is not None and to in ("jsonl", "ciff"):
        raise UsageError(f"Titles are for opensearch and elasticsearch; {to} has no place for them.")
    asked = _asked(catalogue, histories, users)
    source = Source(catalogue, engine.store, named, asked, scale)
    with staged_directory(Path(path), overwrite=overwrite, is_ours=lambda there: (there / NAME).is_file()) as staged:
        EXPORTS[to](source, staged, Counter(len(index), on_progress))
        about = {
            "to": to,
            "items": len(index),
            "dims": engine.dims,
            "fingerprint": catalogue.manifest.codes.fingerprint,
            "histories": len(asked),
        }
        write_json(staged / NAME, about)


def _asked(
    catalogue: Catalogue, histories: Sequence[Sequence[object]] | None, users: Sequence[str] | None
) -> list[AskedHistory]:
    given = [[catalogue.ids[0]]] if histories is None else histories
    names = [str(at + 1) for at in range(len(given))] if users is None else users
    resolved = zip(names, given, catalogue.resolve_all(given), strict=True)
    asked = [AskedHistory(name, list(map(str, history)), known) for name, history, known in resolved if known.is_known]
    if not asked:
        raise DataError(f"None of the {len(given):,} histories has an item that the index knows.")
    return asked
