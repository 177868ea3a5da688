"""Segments of codes over items: communities of their graph, or those of another model."""

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.segments.discovery import discover
from elsa_index.segments.partition import Partition

from ..support.catalogues import GENRES, make_codes, make_item_codes, make_tastes, make_two_matrices

EACH = 40


@pytest.fixture(scope="module")
def over_items():
    """The items of `tastes`: each is spoken for by five others of its taste, and every tenth by one of another, too."""
    latent, metadata = make_tastes(EACH)
    rng = np.random.default_rng(3)
    items = len(latent.ids)
    weights = np.zeros((items, items))
    for item in range(items):
        first = item // EACH * EACH
        others = np.setdiff1d(np.arange(first, first + EACH), [item])
        weights[item, rng.choice(others, 5, replace=False)] = rng.choice([0.2, 0.3, 0.5], 5)
        if item % 10 == 0:
            weights[item, (item + EACH) % items] = 0.1
    return ei.ItemCodes(latent.ids, csr_array(weights), item_counts=latent.item_counts, history_codes="items"), metadata


def is_partition_of_tastes(of):
    return len({tuple(np.flatnonzero(of == number)) for number in range(len(GENRES))}) == len(GENRES) and all(
        len(set(of[taste * EACH : (taste + 1) * EACH])) == 1 for taste in range(len(GENRES))
    )


def test_communities_are_the_tastes_that_speak_for_each_other(over_items):
    codes, _ = over_items
    found = discover(codes, ei.SegmentRules(resolution=1.0))
    assert found.vectors.shape == (len(GENRES), len(codes.ids))
    assert is_partition_of_tastes(found.of)
    dense = codes.weights.toarray()
    for number in range(len(GENRES)):
        expected = dense[found.of == number].sum(axis=0)
        np.testing.assert_allclose(
            found.vectors[[number]].toarray()[0], expected / np.linalg.norm(expected), rtol=1e-5, atol=1e-7
        )


def test_the_higher_the_resolution_the_smaller_the_communities():
    codes = make_item_codes(600, nnz=5)
    coarse, fine = (discover(codes, ei.SegmentRules(resolution=at, least_items=1)) for at in (0.5, 8.0))
    assert coarse.vectors.shape[0] < fine.vectors.shape[0]


def test_vectors_are_cut_to_their_largest_entries_and_those_without_direction_are_left_out():
    weights = csr_array([[0.5, -0.25, 0.125], [0.5, 0, 0], [0, 0, 2.0], [0, 0, -2.0]])
    of = np.array([1, 1, 0, 0, -1], dtype=np.int32)
    weights = csr_array(np.vstack([weights.toarray(), np.zeros(3)]))
    found = Partition.of_codes(weights, of, 2, [[(4, 1)], [(0, 2)]])
    assert found.of.tolist() == [0, 0, -1, -1, -1]
    assert found.merged == [[(0, 2)]]
    np.testing.assert_allclose(found.vectors.toarray(), [np.array([1, -0.25, 0]) / np.hypot(1, 0.25)], rtol=1e-6)


def test_segments_of_another_model_are_taken_with_vectors_of_the_own(over_items, tastes):
    codes, _ = over_items
    latent, _ = tastes
    order = np.random.default_rng(0).permutation(len(latent.ids))[:-30]  # some items are unknown there
    source = ei.ItemCodes(
        ei.IdMap(latent.ids.take(order)), latent.weights[order], item_counts=latent.item_counts[order]
    )
    found = discover(codes, ei.SegmentRules(), source=source)
    same = discover(source, ei.SegmentRules())
    known = codes.ids.rows(source.ids)
    assert (found.of[np.setdiff1d(np.arange(len(codes.ids)), known)] == -1).all()
    pairs = set(zip(found.of[known].tolist(), same.of.tolist(), strict=True))
    assert len(pairs) == len(set(same.of)) == len(GENRES)
    assert sorted(map(sorted, found.merged)) == sorted(map(sorted, same.merged))
    dense = codes.weights.toarray()[found.of == 0].sum(axis=0)
    np.testing.assert_allclose(found.vectors[[0]].toarray()[0], dense / np.linalg.norm(dense), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("engine", "store"), [("lucene", "none"), ("lucene", "float16"), ("exact", None)])
@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_index_of_item_codes_has_rows_of_a_homepage(over_items, tastes, tmp_path, engine, store, elsewhere):
    codes, metadata = over_items
    latent, _ = tastes
    with ei.Index.build(
        codes, tmp_path / "i", engine=engine, store=store, metadata=metadata, segments=ei.SegmentRules(resolution=1.0),
        segments_from=latent if elsewhere else None,
    ) as index:  # fmt: skip
        assert index.segments is not None
        assert len(index.segments) == len(GENRES)
        taste = 3
        history = list(codes.ids.take(np.arange(taste * EACH, taste * EACH + 4)))
        page = index.homepage(history, rows=2, k=5)
        members = set(codes.ids.take(np.arange(taste * EACH, (taste + 1) * EACH)))
        assert set(page.rows[1].items) < members
        assert index.segments.names[page.rows[1].segment.number].startswith(GENRES[taste])
        ranked = index.rank_segments(history, 3)
        vectors = index.segments.vectors.toarray()
        scores = vectors[:, codes.ids.rows(history)].sum(axis=1)
        np.testing.assert_allclose(ranked.scores, np.sort(scores)[::-1][: len(ranked.scores)], atol=1e-3)
        assert (len(index.segments[0].dimensions) > 0) == elsewhere


def test_items_that_nobody_speaks_for_have_no_segment(tmp_path):
    weights = -np.eye(20)[np.roll(np.arange(20), 1)]
    codes = ei.ItemCodes(ei.IdMap(map(str, range(20))), csr_array(weights), history_codes="items")
    with ei.Index.build(codes, tmp_path / "i", engine="exact") as index:
        assert index.segments is None


def test_codes_with_history_codes_of_their_own_have_segments_of_another_model_only(tmp_path):
    codes = make_two_matrices()
    latent = make_codes(len(codes.ids))
    with ei.Index.build(codes, tmp_path / "i", engine="exact") as index:
        assert index.segments is None
    with ei.Index.build(codes, tmp_path / "j", engine="exact", segments_from=latent) as index:
        assert index.segments is not None


def test_segments_from_codes_that_have_none_are_refused(over_items, tmp_path):
    codes, _ = over_items
    dense = ei.ItemCodes(codes.ids, csr_array(np.random.default_rng(0).normal(size=(len(codes.ids), 4))))
    with pytest.raises(ei.UsageError, match=r"--model elsa makes them; these are dense\."):
        ei.Index.build(codes, tmp_path / "i", segments_from=dense)
    with pytest.raises(ei.UsageError, match="these are codes over items"):
        ei.Index.build(codes, tmp_path / "i", segments_from=codes)
    strangers = make_codes(50)
    strangers = ei.ItemCodes(ei.IdMap(f"s{row}" for row in range(50)), strangers.weights)
    with pytest.raises(ei.DataError, match=r"None of the .* items is among the 50 .* 's0'"):
        ei.Index.build(codes, tmp_path / "i", segments_from=strangers)
    with pytest.raises(ei.UsageError, match="segments_from says where segments come from, and none are wanted"):
        ei.Index.build(codes, tmp_path / "i", segments=None, segments_from=make_codes(len(codes.ids)))
    assert not (tmp_path / "i").exists()
