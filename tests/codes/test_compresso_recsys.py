"""Models that compresso-recsys saved: made by it, read without it."""

import json
import zipfile

import numpy as np
import pytest
from scipy.sparse import csr_matrix

import elsa_index as ei


@pytest.fixture(scope="module", params=[None, 4])
def saved(request, tmp_path_factory):
    """A model file, and the embeddings that the library itself scores with."""
    from compresso_recsys.models.elsa import ELSACompressionConfig, ELSAConfig, ELSATrainer

    kept = request.param
    compression = (
        None if kept is None else ELSACompressionConfig(k_target=kept, k_schedule=(16, 8, 4), max_epochs_per_stage=1)
    )
    config = ELSAConfig(latent_dim=16, epochs=1, batch_size=16, lr=0.1, compression=compression, show_progress=False)
    model = ELSATrainer(config)
    interactions = csr_matrix((np.random.default_rng(0).random((60, 40)) < 0.2).astype(np.float32))
    model.fit(interactions, item_ids=[f"i{at}" for at in range(39)] + [1000])
    path = tmp_path_factory.mktemp("compresso") / "model.zip"
    model.save(path)
    return path, model.elsa.normalized_item_embeddings().detach().numpy()


def test_codes_are_the_embeddings_that_the_library_scores_with(saved, tmp_path):
    path, expected = saved
    codes = ei.load_codes(path)
    np.testing.assert_allclose(codes.weights.toarray(), expected, atol=1e-6)
    assert list(codes.ids)[-2:] == ["i38", "1000"]
    assert codes.is_unit_norm
    with ei.Index.build(codes, tmp_path / "c.index", engine="exact") as index:
        found = index.search([["i0", "1000"]], k=40).ids[0]
    scores = expected @ (expected[0] + expected[39])
    scores[[0, 39]] = -np.inf
    assert found[:5].tolist() == codes.ids.take(np.argsort(-scores)[:5]).tolist()


def rewritten(path, target, name, content):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        if content is not None:
            new.writestr(name, content)
    return target


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "manifest.json",
            json.dumps({"format": "compresso.recsys.model", "version": 1, "model_type": "ease"}),
            "'ease'",
        ),
        ("manifest.json", "[", "damaged"),
        ("manifest.json", "[]", "damaged"),
        ("state/model.pt", None, r"state/model\.pt"),
        ("state/model.pt", b"cos\nsystem\n(S'true'\ntR.", "damaged"),
        ("identity/source_item_ids.json", json.dumps([{"type": "str", "value": "a"}]), "one id per row"),
        ("config.json", "{}", "latent_dim"),
    ],
)
def test_other_and_damaged_files_are_named(saved, tmp_path, name, content, message):
    path = rewritten(saved[0], tmp_path / "bad.zip", name, content)
    with pytest.raises(ei.DataError, match=message):
        ei.load_codes(path)


def test_a_file_that_is_no_archive_is_named(tmp_path):
    path = tmp_path / "model.zip"
    path.write_bytes(b"PK no")
    with pytest.raises(ei.DataError, match="is not a model that compresso-recsys saved"):
        ei.load_codes(path)
