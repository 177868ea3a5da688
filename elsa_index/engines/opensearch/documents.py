"""What the cluster holds: one document per item, and the mapping that takes it. Elasticsearch takes the same."""

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codes.impacts import terms_of
from ...codes.query_vector import Vector
from ...data.facets import Facets
from ...storage.ids import IdMap, Rows
from ..stored_codes import Chunk, StoredCodes

CODE, AGAINST, PACKED, ROW, TAG, NUMBER, LONG_ID = (
    "code", "against", "packed", "row", "tag", "number", "item_id",
)  # fmt: skip
FORMAT, FORMAT_OF_ITEMS = 1, 2
"""Of documents whose features are dimensions, and items."""
LONGEST_ID = 512
"""Bytes of a document's _id at most: a limit of OpenSearch and Elasticsearch."""
_LARGEST = (2 - 2.0**-8) * 2.0**127  # of float32 with nine significant bits
NINE_BITS = 2.0**-9
"""How far a weight in the field may be from the stored one, relative to the larger."""


def document_id(item_id: str) -> str:
    """The document's _id: the item's, or for those longer than 512 bytes, which no cluster takes, its hash.

    >>> document_id("film 12"), len(document_id("x" * 10_000))
    ('film 12', 71)
    """
    encoded = item_id.encode()
    return item_id if len(encoded) <= LONGEST_ID else f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def feature_name(item_id: str) -> str:
    """An item's name among the features of others: its document's _id, with % and the dot, which clusters take for a
    path, written as %25 and %2E.

    >>> feature_name("a.b"), feature_name("100%")
    ('a%2Eb', '100%25')
    """
    return document_id(item_id).replace("%", "%25").replace(".", "%2E")


def nine_bits(magnitudes: Vector) -> npt.NDArray[np.float32]:
    """Rounded to the nine significant bits that a rank_features field keeps, which would itself cut off the rest.

    >>> nine_bits(np.array([0.3, 1.0])).tolist()
    [0.2998046875, 1.0]
    """
    single = np.clip(magnitudes, np.finfo(np.float32).tiny, _LARGEST).astype(np.float32)
    return ((single.view(np.uint32) + 0x4000) & np.uint32(0xFFFF8000)).view(np.float32)


def mapping(meta: dict[str, Any], *, title: bool = False, recovery_source: bool = True) -> dict[str, Any]:
    """The index's mapping. meta: what clients must know, under _meta. title: also a text field, for hybrid queries.
    recovery_source: whether each document is kept once more for replicas that miss some; two thirds of the index, and
    of no use where documents are flushed to disk before there are replicas.
    """
    by_item = meta["format"] == FORMAT_OF_ITEMS
    properties: dict[str, Any] = {
        CODE: {"type": "rank_features"},
        **({AGAINST: {"type": "rank_features"}} if by_item else {PACKED: {"type": "binary", "store": True}}),
        ROW: {"type": "integer", "index": False},
        TAG: {"type": "keyword"},
        LONG_ID: {"type": "keyword", "index": False, "doc_values": False, "store": True},
    }
    if meta.get("numbers"):
        columns = {feature_name(name): {"type": "double"} for name in meta["numbers"]}
        properties[NUMBER] = {"properties": columns}
    if title:
        properties["title"] = {"type": "text", "store": True}
    # Documents are written anew as a whole, and codes are in `packed`: the source would repeat the postings.
    source: dict[str, Any] = {"enabled": False}
    if not recovery_source:
        source["recovery_source_enabled"] = False
    return {
        "dynamic": "strict",
        "_source": source,
        "_meta": {"elsa_index": meta},
        "properties": properties,
    }


def meta_of(
    store: StoredCodes, fingerprint: str, *, by_item: bool = False, numbers: Iterable[str] = ()
) -> dict[str, Any]:
    """What a client must know to make and check queries.

    numbers: names of those that items can be filtered by. by_item: whether features are items, so that a history's ids
    are its query. packed: for others, the layout of the field `packed`, little-endian: the item's history weight as
    float32, the dims of its code, then as many weights.
    """
    about: dict[str, Any] = {
        "format": FORMAT_OF_ITEMS if by_item else FORMAT,
        "fingerprint": fingerprint,
        "items": store.items,
        "dims": store.dims,
    }
    if named := list(numbers):
        about["numbers"] = named
    if by_item:
        return about
    return about | {"packed": {"dims": store.dims_of.dtype.name, "weights": _packed_weights(store).name}}


def bulk_lines(
    store: StoredCodes,
    ids: IdMap,
    history_weights: npt.NDArray[np.floating] | None,
    facets: Facets,
    titles: list[str | None] | None = None,
    *,
    row_of_dim: Rows | None = None,
    rows: Rows | None = None,
    numbers: Rows | None = None,
) -> Iterator[bytes]:
    """For each row the two lines of a bulk request that index its document.

    store, ids, history_weights, facets, titles: of all items. row_of_dim: where features are items, the row of each
    dimension's item, -1 for those that are no more. rows: of the items that are written; None: all. numbers: what their
    documents are numbered by; None: their rows.
    """
    features = None if row_of_dim is None else _features(ids, row_of_dim)
    if rows is None:
        rows = np.arange(store.items)
    else:
        store, ids = store.in_order(rows), ids.in_order(rows)
    numbers = rows if numbers is None else numbers
    tags, values = facets.tags, facets.numbers
    tags_of = tags.by_row(rows) if tags else None
    names = [json.dumps(name) for name in tags.names] if tags else []
    values_of = values.of_rows(rows) if values else None
    fields = [json.dumps(feature_name(name)) for name in values.names] if values else []
    shares = np.ones(len(rows)) if history_weights is None else history_weights[rows]
    for chunk in store.chunks():
        codes = _by_dimension(store, chunk, shares) if features is None else _by_item(chunk, features)
        for row, code in zip(chunk.rows, codes, strict=True):
            name = ids[row]
            document = document_id(name)
            parts = [f'{{"index":{{"_id":{json.dumps(document)}}}}}\n{{"{ROW}":{numbers[row]},{code}']
            if document != name:
                parts.append(f',"{LONG_ID}":{json.dumps(name)}')
            if tags_of and tags_of[row]:
                parts.append(f',"{TAG}":[{",".join(names[number] for number in tags_of[row])}]')
            if values_of is not None:
                pairs = zip(fields, values_of[row], strict=True)
                there = [f"{field}:{value!r}" for field, value in pairs if value == value]
                parts.append(f',"{NUMBER}":{{{",".join(there)}}}')
            if titles is not None and (title := titles[rows[row]]) is not None:
                parts.append(f',"title":{json.dumps(title)}')
            yield ("".join(parts) + "}\n").encode()


def deletion_lines(names: Iterable[str]) -> Iterator[bytes]:
    """For each item the line of a bulk request that deletes its document."""
    return (f'{{"delete":{{"_id":{json.dumps(document_id(name))}}}}}\n'.encode() for name in names)


def _features(ids: IdMap, row_of_dim: Rows) -> list[str | None]:
    """What the weights of each dimension are called, as JSON; None where its item is no more."""
    names = [json.dumps(feature_name(name)) for name in ids]
    return [names[row] if row >= 0 else None for row in row_of_dim.tolist()]


def _by_dimension(store: StoredCodes, chunk: Chunk, shares: npt.NDArray[np.floating]) -> Iterator[str]:
    """Each row's code by term, and packed, for whoever makes queries of it."""
    pairs: list[float] = [0] * (2 * len(chunk.values))
    pairs[::2] = terms_of(chunk.dims_of, chunk.values).tolist()
    pairs[1::2] = nine_bits(np.abs(chunk.values)).tolist()
    formats = {length: ",".join(['"%d":%.9g'] * length) for length in np.unique(np.diff(chunk.starts)).tolist()}
    packed = _packed(store, chunk, shares)
    for code, begin, end in zip(packed, chunk.starts, chunk.starts[1:], strict=False):
        yield f'"{PACKED}":"{code}","{CODE}":{{{formats[end - begin] % tuple(pairs[2 * begin : 2 * end])}}}'


def _by_item(chunk: Chunk, features: list[str | None]) -> Iterator[str]:
    """The items that speak for each row's, and those that speak against it. features: by dimension, None for items that
    are no more."""
    dims, negative = chunk.dims_of.tolist(), (chunk.values < 0).tolist()
    weights = nine_bits(np.abs(chunk.values)).tolist()
    for begin, end in zip(chunk.starts, chunk.starts[1:], strict=False):
        sides: tuple[list[str], list[str]] = ([], [])
        for at in range(begin, end):
            if (feature := features[dims[at]]) is not None:
                sides[negative[at]].append(f"{feature}:{weights[at]:.9g}")
        yield f'"{CODE}":{{{",".join(sides[0])}}}' + (f',"{AGAINST}":{{{",".join(sides[1])}}}' if sides[1] else "")


def _packed_weights(store: StoredCodes) -> np.dtype[Any]:
    return np.dtype("<f4" if store.weights.dtype == np.float32 else "<f2")


def _packed(store: StoredCodes, chunk: Chunk, shares: npt.NDArray[np.floating]) -> Iterator[str]:
    """Each row's code in the layout of `meta_of`, as base64."""
    shares = shares[chunk.rows.start : chunk.rows.stop]
    dims, weights = (
        chunk.dims_of.astype(chunk.dims_of.dtype.newbyteorder("<")),
        chunk.values.astype(_packed_weights(store)),
    )
    for share, begin, end in zip(shares.astype("<f4"), chunk.starts, chunk.starts[1:], strict=False):
        code = share.tobytes() + dims[begin:end].tobytes() + weights[begin:end].tobytes()
        yield base64.b64encode(code).decode()
