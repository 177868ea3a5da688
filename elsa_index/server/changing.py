"""Changes that requests ask for: each is one commit of the index directory that is served."""

import numpy as np
from scipy.sparse import csr_array

from ..changes import change as changes
from ..changes.change import Changed
from ..codes.item_codes import ItemCodes
from ..errors import UsageError, name_some
from ..index import Index
from ..storage.ids import IdMap
from . import change_models as asked
from . import response_models as answers
from .exclusions import Excluded

PATIENCE = 20.0  # seconds for which a request waits for another writer


def upsert(index: Index, body: asked.UpsertRequest) -> Changed:
    has = index.manifest.codes
    space = has.space or has.fingerprint
    if has.history != "items" and body.space != space:
        raise UsageError(f"space must be {space!r}, of the training that the index's codes are of; got {body.space!r}.")
    tags = [(item.item_id, tag) for item in body.items for tag in item.tags]
    columns = {name for item in body.items for name in item.metadata}
    described = [item for item in body.items if item.metadata]
    metadata: dict[str, list[str]] = {"item_id": [item.item_id for item in described]}
    for name in sorted(columns):
        metadata[name] = [item.metadata.get(name, "") for item in described]
    return changes.upsert(
        index.path,
        _codes(index, body, space),
        items=[item.item_id for item in body.items],
        tags=tags or None,
        metadata=metadata if described else None,
        patience=PATIENCE,
    )


def _codes(index: Index, body: asked.UpsertRequest, space: str) -> ItemCodes:
    """The codes of a request; over items, of those too that it speaks of, without weights."""
    has = index.manifest.codes
    names = IdMap(item.item_id for item in body.items)
    if has.history == "matrix":
        raise UsageError("Items of this index bring codes of their own to a history, which requests cannot hold.")
    over_items = has.history == "items"
    if over_items:
        _refuse_unknown(index, body, names)
        names = IdMap(dict.fromkeys([*names, *(name for item in body.items for name in item.code)]))
    columns = [name for item in body.items for name in item.code]
    dims = names.find(columns) if over_items else np.array([_dimension(name, has.dims) for name in columns])
    rows = np.repeat(np.arange(len(body.items)), [len(item.code) for item in body.items])
    weights = np.array([weight for item in body.items for weight in item.code.values()], dtype=np.float32)
    matrix = csr_array((weights, (rows, dims)), shape=(len(names), len(names) if over_items else has.dims))
    counts = None
    if all(item.users is not None for item in body.items):
        counts = np.array([item.users for item in body.items] + [0] * (len(names) - len(body.items)))
    return ItemCodes(names, matrix, {"space": space}, counts, history_codes="items" if over_items else "same")


def _refuse_unknown(index: Index, body: asked.UpsertRequest, together: IdMap) -> None:
    """Raises UsageError for a code that has no weight for an item of the index, or for one that comes together with it:
    nobody would be recommended such an item."""
    lost = [
        item.item_id
        for item in body.items
        if item.code and not any(weight and (of in together or of in index.ids) for of, weight in item.code.items())
    ]
    if lost:
        raise UsageError(
            f"The code of {name_some(lost)} has no nonzero weight for an item that the index holds; a code names such "
            "items, or has none ({})."
        )


def _dimension(name: str, dims: int) -> int:
    if not (name.isascii() and name.isdigit() and len(name) < 10 and int(name) < dims):
        raise UsageError(f"A code has weights by dimension, from '0' to '{dims - 1}'; got {name!r}.")
    return int(name)


def delete(index: Index, body: asked.DeleteRequest) -> Changed:
    return changes.delete(index.path, body.items, skip_unknown=body.skip_unknown, patience=PATIENCE)


def tag(index: Index, body: asked.TagRequest) -> Changed:
    add, remove = ([(pair.item_id, pair.tag) for pair in pairs] for pairs in (body.add, body.remove))
    return changes.tag(index.path, add, remove, patience=PATIENCE)


def compact(index: Index, body: asked.CompactRequest) -> Changed:
    return changes.compact(index.path, patience=PATIENCE)


def described(done: Changed) -> answers.ChangedAnswer:
    known = {name: value for name, value in vars(done).items() if name != "seconds"}
    return answers.ChangedAnswer(**known, milliseconds=round(1000 * done.seconds, 3))


def excluded(now: Excluded, index: Index) -> answers.ExclusionsAnswer:
    unknown = [name for name, row in zip(now.names, index.ids.find(now.names).tolist(), strict=True) if row < 0]
    return answers.ExclusionsAnswer(items=list(now.names), total=len(now.names), kept=now.is_kept, unknown=unknown)
