"""New items of a log come into an index as they come into a model, in one commit."""

import re

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.changes.stored import stored_codes

from ..support.catalogues import make_taste_log, without_items

NEW = ["i03", "i21", "i40"]
CONFIGS: dict[str, ei.TrainingConfig | ei.SlimConfig] = {
    "elsa": ei.TrainingConfig(dims=16, nnz=4, epochs=2),
    "slim": ei.SlimConfig(nnz=4, neighbours=20, regularisation=5.0),
}


@pytest.fixture(scope="module")
def log():
    return make_taste_log()


@pytest.fixture(scope="module")
def models(log):
    return {name: ei.train(without_items(log, NEW), config) for name, config in CONFIGS.items()}


@pytest.mark.parametrize("engine", ["exact", "lucene", "faiss-flat"])
@pytest.mark.parametrize("model", CONFIGS)
def test_an_index_answers_as_one_of_the_folded_model(log, models, engine, model, tmp_path):
    codes = models[model]
    tags = [(item, "old") for item in codes.ids]
    ei.Index.build(codes, tmp_path / "i", engine=engine, store="float32", tags=tags, segments=None).close()
    done = ei.fold_into_index(tmp_path / "i", log, tags=[("i03", "new")])
    wanted = ei.fold_in(codes, log)
    assert done.added == NEW == wanted.codes.ids.take(wanted.added).tolist()
    assert sorted(done.improved) == sorted(wanted.codes.ids.take(wanted.improved).tolist())
    assert (done.changed.commit, done.changed.added, done.changed.replaced) == (1, 3, len(done.improved))
    histories = log.pairs().group_by("user_id", maintain_order=True).agg("item_id")["item_id"].to_list()[:30]
    with (
        ei.Index.open(tmp_path / "i") as changed,
        ei.Index.build(wanted.codes, tmp_path / "w", engine=engine, store="float32", segments=None) as built,
    ):
        assert changed.search([["i00"]], 5, tags=["new"]).rankings[0].items == ["i03"]
        given, right = (index.search(histories, 40, exact=True) for index in (changed, built))
        np.testing.assert_allclose(given.scores, right.scores, rtol=1e-5, atol=1e-6)
        assert set(NEW) <= set(given.ids.ravel())
    again = ei.fold_into_index(tmp_path / "i", log)
    assert (again.added, again.improved, again.changed.commit) == ([], [], 1)


def test_after_changes_dimensions_are_still_the_items_they_were(log, models, tmp_path):
    """Where dimensions are items, rows and dimensions part once items are deleted."""
    codes = models["slim"]
    ei.Index.build(codes, tmp_path / "i", engine="exact", store="float32", segments=None).close()
    gone = [codes.ids[0], codes.ids[7]]
    ei.delete(tmp_path / "i", gone)
    with ei.Index.open(tmp_path / "i") as index:
        stored = stored_codes(index.catalogue)
    rows = codes.ids.rows(stored.ids)
    np.testing.assert_array_equal(stored.weights.toarray(), codes.weights[rows][:, rows].toarray())
    assert ei.fold_into_index(tmp_path / "i", log).added == sorted([*gone, *NEW])


def test_what_cannot_be_folded_into_is_left_as_it_was(log, models, tmp_path):
    for model, engine, store, said in (
        ("elsa", "faiss-hnsw", "float32", "The engine faiss-hnsw cannot change items"),
        ("slim", "lucene", "none", "keeps no codes (--store none); use the model that it was built from"),
    ):
        path = tmp_path / engine
        ei.Index.build(models[model], path, engine=engine, store=store, segments=None).close()
        before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        with pytest.raises(ei.UsageError, match=re.escape(said)):
            ei.fold_into_index(path, log)
        assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}


def described(items: list[str]) -> dict[str, list[str | None]]:
    """An item's genre is its taste."""
    genres = [f"genre {int(item[1:]) % 4}" for item in items]
    return {"item_id": list(items), "title": [f"Title {item}" for item in items], "genres": list(genres)}


@pytest.mark.parametrize("model", CONFIGS)
def test_what_nobody_has_gets_the_code_of_its_nearest_by_metadata_until_somebody_has_it(log, models, model, tmp_path):
    codes = models[model]
    ei.Index.build(
        codes, tmp_path / "i", engine="exact", store="float32", metadata=described(list(codes.ids)), segments=None
    ).close()
    new = described(["i03"])
    new = {name: [*values, extra] for (name, values), extra in zip(new.items(), ["zz", "?", "unheard of"], strict=True)}
    known = without_items(log, NEW)
    done = ei.fold_into_index(tmp_path / "i", known, metadata=new)
    assert (done.added, done.by_metadata, done.without_code) == ([], ["i03"], ["zz"])
    with ei.Index.open(tmp_path / "i") as index:
        assert "zz" not in index.ids
        assert index.title("i03") == "Title i03"
        assert index.search([["i07", "i11"]], 5, tags=["code:metadata"]).rankings[0].items == ["i03"]
        stored = stored_codes(index.catalogue)
        row = int(stored.ids.rows(["i03"])[0])
        own = stored.weights[[row]].toarray()[0][: codes.dims]
        has_code = np.diff(codes.weights.indptr) > 0
        alike = [at for at, name in enumerate(codes.ids) if int(name[1:]) % 4 == 3 and has_code[at]]
        near = codes.weights[alike].toarray()
        assert len(alike) <= 20
        kept = np.flatnonzero(own)
        mean = near.mean(axis=0)
        assert own[kept] @ mean[kept] / np.linalg.norm(own) / np.linalg.norm(mean[kept]) == pytest.approx(1, abs=1e-4)
        assert np.abs(mean[kept]).min() >= np.abs(np.delete(mean, kept)).max() - 1e-4
        assert np.linalg.norm(own) == pytest.approx(np.linalg.norm(near, axis=1).mean() / 2, rel=1e-3)
    done = ei.fold_into_index(tmp_path / "i", log)
    assert sorted(done.added) == NEW
    assert done.by_metadata == []
    wanted = ei.fold_in(codes, log).codes
    with ei.Index.open(tmp_path / "i") as index:
        assert index.tags is not None
        assert not index.tags.is_carried("code:metadata")
        stored = stored_codes(index.catalogue)
        mine, theirs = stored.ids.rows(NEW), wanted.ids.rows(NEW)
        if model == "elsa":
            given, right = stored.weights[mine].toarray(), wanted.weights[theirs].toarray()
        else:
            order = stored.ids.rows(wanted.ids)
            given, right = stored.weights[mine][:, order].toarray(), wanted.weights[theirs].toarray()
        np.testing.assert_allclose(given, right, atol=1e-6)


def test_metadata_of_items_that_are_there_is_no_reason_for_a_code(log, models, tmp_path):
    ei.Index.build(models["elsa"], tmp_path / "i", engine="exact", segments=None).close()
    done = ei.fold_into_index(tmp_path / "i", without_items(log, NEW), metadata=described(["i00"]))
    assert (done.added, done.by_metadata, done.without_code) == ([], [], [])
    with ei.Index.open(tmp_path / "i") as index:
        assert index.title("i00") == "Title i00"
