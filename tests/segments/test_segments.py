"""Discovering and naming segments, storing them in an index, and ranking them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.data.metadata import Metadata
from elsa_index.data.title_lookup import Titles
from elsa_index.segments.dominant import by_dominant_dimensions, dominant_terms
from elsa_index.segments.naming import name_segments
from elsa_index.segments.terms import ItemTerms
from elsa_index.storage.strings import Strings

from ..support.catalogues import GENRES, make_codes, make_histories, make_tastes
from ..support.engines import EVERY_ENGINE_HERE


@pytest.fixture(scope="module", params=["lucene", "exact", "opensearch"])
def index(request, tastes, place, tmp_path_factory):
    codes, metadata = tastes
    path = tmp_path_factory.mktemp("segments") / "i"
    with ei.Index.build(codes, path, metadata=metadata, **place(request.param)) as built:
        yield built


def test_segments_are_the_tastes_that_codes_were_made_of(tastes):
    codes, _ = tastes
    found = by_dominant_dimensions(codes, ei.SegmentRules())
    assert found.vectors.shape[0] == len(GENRES)
    for taste in range(len(GENRES)):
        rows = np.arange(taste * 40, taste * 40 + 40)
        assert len(set(found.of[rows])) == 1
    np.testing.assert_allclose(np.linalg.norm(found.vectors.toarray(), axis=1), 1, rtol=1e-6)
    assert sum(count for parts in found.merged for _, count in parts) == len(codes.ids)
    assert all(len(parts) > 1 for parts in found.merged)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(2, 12), st.integers(1, 4), st.integers(0, 9), st.integers(1, 9), st.booleans())
def test_segments_of_any_codes_partition_their_items(items, dims, nnz, seed, least, counted):
    given_codes = make_codes(items, dims=dims, nnz=min(nnz, dims), seed=seed)
    codes = ei.ItemCodes(given_codes.ids, given_codes.weights, item_counts=given_codes.item_counts if counted else None)
    found = by_dominant_dimensions(codes, ei.SegmentRules(least_items=least, least_count=4))
    segments = found.vectors.shape[0]
    sizes = np.bincount(found.of[found.of >= 0], minlength=segments)
    assert len(sizes) == segments == len(found.merged)
    assert (sizes >= least).all()
    assert (np.diff(sizes) <= 0).all()
    norms = np.linalg.norm(found.vectors.toarray(), axis=1)
    np.testing.assert_allclose(norms, np.ones(segments), rtol=1e-5)


def test_codes_that_cancel_each_other_out_make_no_segment():
    codes = ei.ItemCodes(ei.IdMap(map(str, range(20))), csr_array(np.repeat([[1.0, 0, 0, 0], [-1.0, 0, 0, 0]], 10, 0)))
    found = by_dominant_dimensions(codes, ei.SegmentRules(alike=0))
    assert [parts for parts in found.merged if not parts] == []
    np.testing.assert_allclose(np.linalg.norm(found.vectors.toarray(), axis=1), 1)


def test_the_dominant_dimension_is_signed():
    assert dominant_terms(csr_array([[0.2, -0.9, 0], [0, 0, 0.5]])).tolist() == [3, 4]


def test_items_that_few_have_join_segments_and_begin_none():
    codes, _ = make_tastes_with_rare()
    found = by_dominant_dimensions(codes, ei.SegmentRules())
    assert found.vectors.shape[0] == len(GENRES)
    assert found.of[-1] == found.of[0]
    assert by_dominant_dimensions(codes, ei.SegmentRules(near=1.0)).of[-1] == -1


def make_tastes_with_rare():
    """The tastes, and one more item like the first, which two users have."""
    codes, metadata = make_tastes()
    assert codes.item_counts is not None
    weights = csr_array(np.vstack([codes.weights.toarray(), codes.weights.toarray()[:1]]))
    return ei.ItemCodes(ei.IdMap([*codes.ids, "rare"]), weights, item_counts=np.append(codes.item_counts, 2)), metadata


def test_alike_dimensions_are_not_merged_where_their_terms_differ(tastes):
    """Two tastes in one direction: codes alone merge them from a low threshold on, names keep them apart."""
    codes, metadata = tastes
    close = codes.weights.toarray()
    close[:80, 39] += 0.3
    codes = ei.ItemCodes(codes.ids, csr_array(close), item_counts=codes.item_counts)
    terms = ItemTerms.of(Metadata.of(metadata, codes.ids), len(codes.ids))
    rules = ei.SegmentRules(alike=0.5, alike_and_named=0.05)
    assert by_dominant_dimensions(codes, rules, terms).vectors.shape[0] == len(GENRES)


def test_names_are_distinctive_unique_and_readable(index):
    names = list(index.segments.names)
    assert len(set(names)) == len(names) == len(GENRES)
    for segment in index.segments:
        taste = int(segment.typical[0][1])
        assert segment.name.startswith(GENRES[taste])
        assert "Drama" not in segment.name


def test_without_metadata_names_are_the_most_typical_items(tastes, tmp_path):
    codes, metadata = tastes
    with ei.Index.build(codes, tmp_path / "i", engine="exact") as index:
        for segment in index.segments:
            assert segment.name == " · ".join(segment.typical[:2])
    with ei.Index.open(tmp_path / "i", metadata) as named:
        assert any(name.startswith("Horror") for name in named.segments.names)
        assert named.titles[0] == "Old number 0"
        assert len(named.titles.find("cafe num", 3)) == 3


@given(st.lists(st.lists(st.text(max_size=4), min_size=1, max_size=3), min_size=1, max_size=30))
def test_names_are_unique_whatever_titles_are(titles):
    of = np.repeat(np.arange(len(titles)), 3).astype(np.int32)
    names = name_segments(of, [[title or "x" for title in each] for each in titles])
    assert len({name.casefold() for name in names}) == len(titles)
    ei.IdMap(names)


def test_one_query_ranks_segments_as_the_exhaustive_products_do(index, tastes):
    codes, _ = tastes
    vectors = index.segments.vectors
    for history in [["t0-1", "t0-5"], ["t1-0", "t4-3", "t4-4"], ["t5-39"]]:
        ranked = index.rank_segments([*history, "nobody"], 6)
        truth = vectors @ codes.weights.toarray().astype(np.float16).astype(np.float64)[codes.ids.rows(history)].sum(0)
        assert ranked.unknown == ["nobody"]
        assert not ranked.popular
        expected = np.argsort(-truth)[: (truth > 0).sum()]
        assert ranked.numbers.tolist() == expected.tolist()
        np.testing.assert_allclose(ranked.scores, truth[expected], rtol=1e-9)
        assert index.segments.of[index.ids.rows(history[-1:])[0]] == ranked.numbers[0]
    nobody = index.rank_segments(["nobody"], 2)
    assert (nobody.popular, nobody.numbers.tolist()) == (True, [0, 1])


def test_a_lucene_index_has_postings_of_segments(tastes, tmp_path):
    codes, metadata = tastes
    with ei.Index.build(codes, tmp_path / "i", metadata=metadata) as index:
        assert index.manifest.segments.engine == "lucene"
        assert (tmp_path / "i" / "segments" / "postings").is_dir()
        assert index.bytes_by_part["segments"] > 0


def test_segments_are_tags_beside_those_of_users(tastes, tmp_path):
    codes, _ = tastes
    with ei.Index.build(codes, tmp_path / "i", tags=[("t0-1", "new"), ("t1-1", "new")], engine="exact") as index:
        mine = index.segments[int(index.segments.of[1])]
        found = index.search([["t0-5"]], 50, tags=["new", mine.tag])
        assert [item for item in found.ids[0] if item] == ["t0-1"]
        assert len([item for item in index.search([["t0-5"]], 99, tags=[mine.tag]).ids[0] if item]) == mine.size - 1
    with pytest.raises(ei.DataError, match="Tags that begin with segment: are made here; no item may carry"):
        ei.Index.build(codes, tmp_path / "j", tags=[("t0-1", "segment:x")], engine="exact")
    assert not (tmp_path / "j").exists()


def test_segments_survive_reopening_and_damage_is_found(index):
    with ei.Index.open(index.path) as again:
        assert list(again.segments.names) == list(index.segments.names)
        assert [one.typical for one in again.segments] == [one.typical for one in index.segments]
        assert again.metadata.item(1) == {"title": "Café number 1", "year": "1951", "genres": "Western|Drama"}
    path = index.path / "segments" / "of.npy"
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(ei.StorageError, match=r"of\.npy is damaged"):
            ei.Index.open(index.path)
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("engine", EVERY_ENGINE_HERE)
def test_indexes_without_segments_say_why(engine, tastes, tmp_path):
    codes, _ = tastes
    with (
        ei.Index.build(codes, tmp_path / "i", engine=engine, segments=None) as index,
        pytest.raises(ei.UsageError, match="The index has no segments: it was built without them"),
    ):
        index.homepage(["t0-1"])


def test_dense_codes_have_no_segments(tmp_path):
    codes = make_codes(100, dims=8, nnz=8)
    with (
        ei.Index.build(codes, tmp_path / "i", engine="faiss-flat") as index,
        pytest.raises(ei.UsageError, match="its codes are dense, which have no dominant dimensions"),
    ):
        index.rank_segments(make_histories(codes, 1)[0])


def test_what_metadata_cannot_be(tastes, tmp_path):
    codes, _ = tastes
    with pytest.raises(ei.DataError, match="needs a column besides item_id"):
        ei.Index.build(codes, tmp_path / "i", engine="exact", metadata={"item_id": ["t0-1"]})
    with pytest.raises(ei.DataError, match="None of the 1 items of the metadata is in the index: 'x'"):
        ei.Index.build(codes, tmp_path / "i", engine="exact", metadata={"item_id": ["x"], "title": ["?"]})
    (tmp_path / "m.csv").write_text("item_id,title\nt0-1,\n,Nobody\n")
    with pytest.raises(ei.DataError, match="row 2: item_id is empty"):
        ei.read_metadata(tmp_path / "m.csv")
    (tmp_path / "m.csv").write_text("id,title\nt0-1,One\n")
    with pytest.raises(ei.DataError, match="has no column 'item_id'"):
        ei.read_metadata(tmp_path / "m.csv")


def test_titles_are_found_whole_and_begun_by_likeness_and_popularity(index):
    found = [index.titles[int(row)] for row in index.titles.find("NUMBER 12", 11)]
    assert set(found[:2]) == {"Old number 12", "Old number 120"}  # 120 is the first of its taste: most interactions
    assert set(found) == {"Old number 12", *(f"{index.titles[row]}" for row in range(120, 130))}
    assert index.titles.find("café", 300).tolist() == index.titles.find("CAFE", 300).tolist()
    assert len(index.titles.find("cafe", 300)) == 80
    assert not len(index.titles.find("   ", 5))


def test_titles_are_found_whatever_letters_and_spaces_they_are_written_in():
    titles = Titles(ei.IdMap("abcd"), Strings(["№ 9", "Foo™  Bar", "", "Straße"]))
    found = [titles.find(text).tolist() for text in ("no 9", "foo bar", "FOOTM  b", "d", "c", "strasse")]
    assert found == [[0], [1], [1], [3], [2], [3]]


def test_texts_keep_every_text_and_refuse_what_is_none(tmp_path):
    texts = Strings(["", "a\n", "🎬", "x" * 70_000])
    texts.save(tmp_path, "t")
    assert list(Strings.load(tmp_path, "t")) == list(texts)
    with pytest.raises(ei.DataError, match="not valid Unicode"):
        Strings(["\ud800"])


def test_the_manifest_says_how_segments_were_made(index):
    entry = json.loads((index.path / "manifest.json").read_text())["segments"]
    assert entry["rules"] == ei.SegmentRules().model_dump()
    assert entry["segments"] == len(GENRES)
    with pytest.raises(ValueError, match="least_items"):
        ei.SegmentRules(least_items=0)
