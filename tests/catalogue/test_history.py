"""Resolving histories: rows, weights, query vectors and what is unknown."""

from dataclasses import replace

import numpy as np
import pytest

import elsa_index as ei

from ..support.catalogues import make_codes, make_item_codes, make_two_matrices


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ei.Index.build(make_codes(80), tmp_path_factory.mktemp("history") / "i", engine="exact") as built:
        yield built


def test_a_history_is_its_known_items_once_each_in_the_order_of_rows(index):
    found = index.catalogue.resolve(["item30", "nobody", "item20", "item30", "no one", "nobody"])
    assert found.rows.tolist() == index.ids.rows(["item20", "item30"]).tolist()
    assert found.weights.tolist() == [1.0, 1.0]
    assert found.unknown == ["nobody", "no one"]
    assert found.is_known
    codes = index.catalogue.engine.stored_rows(found.rows)
    np.testing.assert_array_equal(found.vector.to_dense(), codes.sum(axis=0))


def test_weights_follow_their_items_and_of_several_the_largest_counts(index):
    found = index.catalogue.resolve(["item30", "nobody", "item20", "item30"], [0.5, 9.0, -2.0, 3.0])
    assert found.rows.tolist() == index.ids.rows(["item20", "item30"]).tolist()
    assert found.weights.tolist() == [-2.0, 3.0]
    codes = index.catalogue.engine.stored_rows(found.rows)
    np.testing.assert_allclose(found.vector.to_dense(), found.weights @ codes, atol=1e-12)


def test_history_weights_of_the_codes_are_brought_too(tmp_path):
    codes = make_codes(80)
    shares = np.linspace(0.5, 2, 80).astype(np.float32)
    weighted = ei.ItemCodes(codes.ids, codes.weights, history_weights=shares)
    with ei.Index.build(weighted, tmp_path / "i", engine="exact", store="float32") as index:
        rows = index.ids.rows(["item20", "item30"])
        np.testing.assert_allclose(
            index.catalogue.resolve(["item20", "item30"], [2.0, 1.0]).weights, [2.0, 1.0] * shares[rows]
        )


@pytest.mark.parametrize("codes", [
    make_codes(300), make_codes(300, dims=15_000, nnz=12), make_item_codes(), make_two_matrices()
], ids=["few dims", "many dims", "items", "two matrices"])  # fmt: skip
@pytest.mark.parametrize("engine", ["exact", "faiss-flat"])
def test_many_are_resolved_as_one_at_a_time(tmp_path, codes, engine):
    """To the bit, with and without weights that codes bring."""
    shares = np.linspace(0.5, 2, 300).astype(np.float32)
    for given in (codes, replace(codes, history_weights=shares)):
        with ei.Index.build(given, tmp_path / "i", engine=engine, segments=None, overwrite=True) as index:
            ids = list(index.ids)
            asked = [
                ids[:200],
                [],
                ["nobody"],
                [*ids[5:9], "nobody", ids[7]],
                [ids[3]] * 5,
                ids[::-1],
                tuple(ids[40:43]),
            ]
            asked += [ids[at : at + 30] for at in range(250)] * 2
            together = index.catalogue.resolve_all(asked)
            for history, found in zip(asked, together, strict=True):
                alone = index.catalogue.resolve(history)
                np.testing.assert_array_equal(found.rows, alone.rows)
                np.testing.assert_array_equal(found.weights, alone.weights)
                np.testing.assert_array_equal(found.vector.dims, alone.vector.dims)
                np.testing.assert_array_equal(found.vector.weights, alone.vector.weights)
                assert (found.unknown, found.exponent) == (alone.unknown, alone.exponent)
                assert (found.rows.dtype, found.vector.dims.dtype) == (alone.rows.dtype, alone.vector.dims.dtype)
                np.testing.assert_array_equal(found.seen, alone.seen)


@pytest.mark.parametrize("history", [[], ["nobody"]])
def test_a_history_of_strangers_has_no_vector(index, history):
    found = index.catalogue.resolve(history)
    assert not found.is_known
    assert not len(found.vector)
    assert found.unknown == history


@pytest.mark.parametrize(("weights", "message"), [
    ([[1.0]], r"History 0 needs 2 finite weights, got '\[1.0\]'"),
    ([[1.0, float("nan")]], "History 0 needs 2 finite weights"),
    ([[1.0, float("inf")]], "History 0 needs 2 finite weights"),
    ([], "There must be weights for each of 1 histories, got 0"),
    ([[1.0, 1.0], [1.0]], "There must be weights for each of 1 histories, got 2"),
])  # fmt: skip
def test_weights_that_do_not_fit_are_refused(index, weights, message):
    with pytest.raises(ei.UsageError, match=message):
        index.search([["item20", "item30"]], weights=weights)


def test_the_history_whose_weights_do_not_fit_is_named(index):
    with pytest.raises(ei.UsageError, match="History 1 needs 1 finite weights"):
        index.search([["item20"], ["item30"]], weights=[[1.0], [1.0, 2.0]])


def test_a_text_is_no_history(index):
    with pytest.raises(ei.UsageError, match="A history is a sequence of item ids, got the text 'item20'"):
        index.search(["item20"])


def test_a_homepage_resolves_its_history_once_makes_one_vector_and_no_mask(tastes, tmp_path, monkeypatch):
    codes, metadata = tastes
    with ei.Index.build(codes, tmp_path / "i", metadata=metadata) as index:
        calls = {"resolve": 0, "vector": 0, "mask": 0}

        def counted(owner, name, what):
            original = getattr(owner, name)

            def wrapped(*arguments, **named):
                calls[what] += 1
                return original(*arguments, **named)

            monkeypatch.setattr(owner, name, wrapped)

        counted(index.catalogue, "resolve", "resolve")
        counted(index.catalogue.engine, "query_vector", "vector")
        for name in ("ones", "zeros", "full"):
            original = getattr(np, name)

            def watched(shape, *arguments, original=original, **named):
                calls["mask"] += shape == len(index) and bool in (named.get("dtype"), *arguments)
                return original(shape, *arguments, **named)

            monkeypatch.setattr(np, name, watched)
        page = index.homepage(["t0-1", "t2-2", "t3-4"], rows=6)
        monkeypatch.undo()
    assert len(page.rows) >= 4
    assert calls == {"resolve": 1, "vector": 1, "mask": 0}
