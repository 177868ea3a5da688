"""Exports of an index that was changed: its dimensions are not its rows any more."""

import json

import numpy as np

import elsa_index as ei
from elsa_index.changes.stored import stored_codes

from ..support.catalogues import make_item_codes


def documents(directory) -> dict[str, dict]:
    """What bulk files say of each item."""
    found = {}
    for path in sorted(directory.glob("bulk-*.ndjson")):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            found[action["index"]["_id"]] = document
    return found


def test_features_are_called_by_the_items_that_they_are(tmp_path):
    codes = make_item_codes(120)
    with ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None):
        pass
    ei.delete(tmp_path / "i", codes.ids.names_of(np.array([0, 60, 70])))
    ei.upsert(tmp_path / "i", codes, items=[codes.ids[60]])
    history = [[codes.ids[60], codes.ids[90]]]
    with ei.Index.open(tmp_path / "i") as changed:
        ei.export(changed, "opensearch", tmp_path / "changed", histories=history)
        same = stored_codes(changed.catalogue)
    with ei.Index.build(same, tmp_path / "fresh.index", engine="exact", segments=None) as fresh:
        ei.export(fresh, "opensearch", tmp_path / "fresh", histories=history)
    assert documents(tmp_path / "changed") == documents(tmp_path / "fresh")
    request = (tmp_path / "changed" / "requests" / "00001.json").read_text()
    assert sorted(request) == sorted((tmp_path / "fresh" / "requests" / "00001.json").read_text())
    assert f"code.{codes.ids[60]}" in request
