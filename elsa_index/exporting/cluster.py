"""Export for OpenSearch and Elasticsearch, which take the same mapping, documents and requests."""

import json
import re
import shlex
from collections import Counter as Counts
from pathlib import Path
from typing import Any

from ..catalogue.history_codes import ItemsThemselves
from ..engines.batching import Counter
from ..engines.opensearch import query_dsl
from ..engines.opensearch.documents import LONG_ID, bulk_lines, document_id, mapping, meta_of
from ..engines.opensearch.features import Features, features_of, has_negative
from ..storage.files import write_json
from .parts import filled, write_parts, write_template
from .source import AskedHistory, Source

K = 100
_FIRST_TERMS = 1000
"""Terms of one query: with those for seen items, tags and text fewer than the 1,024 clauses that clusters allow."""
_REVERSED = (
    "Items that speak\nagainst a document are its features `against.ID`: a rescore query takes them off, for the best "
    f"{query_dsl.WINDOW} of each shard."
)
_BOOST = 2.0
"""Of the text in the hybrid request: a title that matches brings about as much as a good item's code."""


def write_opensearch(source: Source, directory: Path, counter: Counter) -> None:
    """mapping.json, bulk-*.ndjson, requests/, hybrid.json, query.mjs, README.md."""
    _write(source, directory, counter, "OpenSearch", "1.1 or newer; loaded and asked in our tests: 3.8")


def write_elasticsearch(source: Source, directory: Path, counter: Counter) -> None:
    """The same for Elasticsearch."""
    versions = "7.12 or newer; loaded and asked in our tests: 7.17. 8 and 9 document all parts used and were not run"
    _write(source, directory, counter, "Elasticsearch", versions)


def _write(source: Source, directory: Path, counter: Counter, product: str, versions: str) -> None:
    catalogue = source.catalogue
    brought = catalogue.history_codes
    row_of_dim = brought.rows_of_dims(len(catalogue.ids)) if isinstance(brought, ItemsThemselves) else None
    by_item = row_of_dim is not None
    names = catalogue.facets.numbers.names if catalogue.facets.numbers else ()
    meta = meta_of(source.store, catalogue.manifest.codes.fingerprint, by_item=by_item, numbers=names)
    shards = {"number_of_shards": 1, "number_of_replicas": 1}
    fields = mapping(meta, title=source.titles is not None)
    write_json(directory / "mapping.json", {"settings": {"index": shards}, "mappings": fields})
    lines = bulk_lines(
        source.store, catalogue.ids, catalogue.history_weights, catalogue.facets, source.titles, row_of_dim=row_of_dim
    )
    write_parts(lines, directory, "bulk-%05d.ndjson", counter)
    features = features_of(catalogue.ids, row_of_dim, has_opposite=not by_item or has_negative(source.store))
    (directory / "requests").mkdir()
    with (directory / "requests.jsonl").open("w", encoding="utf-8") as listed:
        for number, asked in enumerate(source.asked, 1):
            name = f"requests/{number:05d}.json"
            (directory / name).write_text(_request(source, asked, features), encoding="utf-8")
            listed.write(json.dumps({"request": name, "user_id": asked.user_id, "items": asked.items}) + "\n")
    write_json(directory / "hybrid.json", _hybrid(source, features))
    history = " ".join(shlex.quote(document_id(catalogue.ids[row])) for row in source.asked[0].resolved.rows.tolist())
    if by_item:
        write_template("query-items.mjs", directory / "query.mjs", against=json.dumps(features.has_opposite))
        asking = filled("asking-items.md", against=_REVERSED if features.has_opposite else "", history=history)
    else:
        write_template("query.mjs", directory / "query.mjs")
        asking = filled("asking-dimensions.md", window=query_dsl.WINDOW, history=history)
    write_template(
        "cluster.md", directory / "README.md",
        product=product, versions=versions, items=f"{len(catalogue.ids):,}", count=len(catalogue.ids), asking=asking,
    )  # fmt: skip


def _request(source: Source, asked: AskedHistory, features: Features) -> str:
    seen = [document_id(source.catalogue.ids[row]) for row in asked.resolved.rows.tolist()]
    restricted = query_dsl.restriction(seen)
    return query_dsl.ranking(
        asked.resolved.vector, K, query_dsl.WINDOW, terms=_FIRST_TERMS, clause_limit=_FIRST_TERMS,
        restricted=restricted, returned=_returned(source), features=features,
    )  # fmt: skip


def _returned(source: Source) -> str:
    fields = [LONG_ID] if source.titles is None else [LONG_ID, "title"]
    return f'"stored_fields":{json.dumps(fields)}'


def _hybrid(source: Source, features: Features) -> dict[str, Any]:
    """The first history's request with a text query that adds to the score and, where there are tags, a filter."""
    body: dict[str, Any] = json.loads(_request(source, source.asked[0], features))
    words = Counts(word for title in source.titles or [] for word in set(re.findall(r"\w{4,}", title or "")))
    text = words.most_common(1)[0][0] if words else "text"
    query = body["query"]["bool"]
    query["should"].append({"match": {"title": {"query": text, "boost": _BOOST}}})
    if source.catalogue.tags is not None:
        query["filter"] = [{"term": {"tag": source.catalogue.tags.names[0]}}]
    return body
