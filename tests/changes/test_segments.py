"""Segments follow the changes of an index, and stay through compacting."""

import numpy as np
import pytest

import elsa_index as ei

from ..support.catalogues import make_item_codes, make_tastes


@pytest.mark.parametrize("engine", ["exact", "lucene"])
def test_segments_follow(engine, tmp_path):
    codes, metadata = make_tastes(each=12)
    rules = ei.SegmentRules(least_items=6)
    path = tmp_path / "i"
    with ei.Index.build(codes, path, engine=engine, metadata=metadata, segments=rules) as index:
        names = [segment.name for segment in index.segments]
        of = {name: int(number) for name, number in zip(index.ids, index.segments.of, strict=True)}
        typical = index.segments[0].typical
    rows = codes.ids.rows(["t1-1", "t4-2"])
    ei.upsert(path, ei.ItemCodes(ei.IdMap(["new", "t1-3"]), codes.weights[rows], {"space": codes.space}))
    ei.delete(path, [typical[0]])
    ei.Index.verify(path)
    with ei.Index.open(path) as index:
        now = {name: int(number) for name, number in zip(index.ids, index.segments.of, strict=True)}
        assert [segment.name for segment in index.segments] == names
        assert now["new"] == of["t1-1"]
        assert now["t1-3"] == of["t4-2"]
        same = [name for name in now if name not in ("new", "t1-3")]
        assert [now[name] for name in same] == [of[name] for name in same]
        assert index.segments[0].typical == typical[1:]
        tag = f"segment:{now['new']}"
        assert "new" in index.search([["t1-1"]], 72, exact=True, tags=[tag]).rankings[0].items
        assert sum(segment.size for segment in index.segments) == np.count_nonzero(index.segments.of >= 0)
        assert index.homepage(["t1-1"], rows=3, k=4).rows


def test_codes_over_items_keep_their_segments_through_compacting(tmp_path):
    codes = make_item_codes()
    path = tmp_path / "i"
    with ei.Index.build(codes, path, segments=ei.SegmentRules(least_items=4)) as index:
        names = [segment.name for segment in index.segments]
        history = list(index.ids)[5:8]
    ei.delete(path, list(codes.ids)[:2])
    with ei.Index.open(path) as index:
        before = index.rank_segments(history, 3).scores
        answer = index.search([history], 10, exact=True).rankings[0]
    ei.compact(path)
    ei.Index.verify(path)
    with ei.Index.open(path) as index:
        assert not (path / "item_dims.npy").exists()
        assert index.manifest.codes.dims == len(index)
        assert [segment.name for segment in index.segments] == names
        np.testing.assert_allclose(index.rank_segments(history, 3).scores, before)
        assert index.search([history], 10, exact=True).rankings[0].items == answer.items


def test_a_segment_may_lose_all_its_items(tmp_path):
    codes = make_item_codes()
    path = tmp_path / "i"
    with ei.Index.build(codes, path, segments=ei.SegmentRules(least_items=4)) as index:
        last = len(index.required_segments) - 1
        members = index.ids.names_of(index.required_segments.members(last))
        history = [name for name in index.ids if name not in members][:3]
    ei.delete(path, members)
    ei.compact(path)
    ei.Index.verify(path)
    with ei.Index.open(path) as index:
        assert index.required_segments[last].size == 0
        assert last not in index.rank_segments(history, last + 1).numbers[:1]
        assert index.homepage(history, rows=3, k=4).rows
