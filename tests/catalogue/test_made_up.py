"""Indexes that somebody made up, checksums and all, are data: one sentence, nothing outside read, no false proof."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.storage.seal import sealed

from ..support.catalogues import make_tastes
from ..support.damage import reseal

CODES, _ = make_tastes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    for engine in ("exact", "lucene", "faiss-flat"):
        ei.Index.build(CODES, directory / engine, engine=engine).close()
    return directory


def made_up(whole: Path, engine: str, place: Path, change) -> Path:
    """A copy whose manifest was changed, and sealed again."""
    shutil.copytree(whole / engine, place / "i")
    path = place / "i" / "manifest.json"
    content = json.loads(path.read_text())
    content.pop("xxh3")
    change(content)
    path.write_text(sealed(content))
    return place / "i"


def setting(name: str, value: object):
    return lambda content: content["parameters"].update({name: value})


@pytest.mark.parametrize(("engine", "change"), [
    ("exact", lambda content: content["parameters"].pop("dims")),
    ("exact", setting("dims", 2**70)),
    ("exact", setting("dims", 10**8)),
    ("exact", lambda content: (setting("dims", 10**8)(content), content["codes"].update(dims=10**8))),
    ("exact", setting("dims", "64")),
    ("exact", setting("dims", 0)),
    ("exact", lambda content: content.update(engine="faiss-flat")),
    ("exact", lambda content: content["codes"].update(items=17)),
    ("faiss-flat", lambda content: content.update(engine="exact")),
    ("faiss-flat", lambda content: content.update(engine="faiss-hnsw")),
    ("faiss-flat", lambda content: content["codes"].update(history="items")),
    ("faiss-flat", setting("largest_norm", "large")),
    ("faiss-flat", setting("largest_norm", -1.0)),
    ("lucene", setting("bits", "8")),
    ("lucene", setting("impact_scale", 0.0)),
    ("lucene", setting("impact_scale", "1")),
    ("lucene", setting("rest_norm", "1")),
    ("lucene", setting("items", None)),
    ("lucene", setting("store", "none")),
    ("lucene", lambda content: content["segments"]["parameters"].pop("dims")),
    ("lucene", lambda content: content["segments"].update(engine="faiss-flat")),
    ("exact", lambda content: content["files"].update({"a\0b": {"bytes": 0, "xxh3": "0" * 32}})),
    ("exact", lambda content: content["files"].update({"/proc/self/pagemap": {"bytes": 0, "xxh3": "0" * 32}})),
    ("exact", lambda content: content["files"].update({"../outside": {"bytes": 0, "xxh3": "0" * 32}})),
    ("exact", lambda content: content["files"].update({"x" * 5000: {"bytes": 0, "xxh3": "0" * 32}})),
])  # fmt: skip
@pytest.mark.timeout(20)
def test_a_manifest_that_does_not_fit_is_one_error(whole, tmp_path, engine, change):
    with pytest.raises(ei.StorageError):
        ei.Index.open(made_up(whole, engine, tmp_path, change))


def test_links_lead_nowhere_outside(whole, tmp_path):
    """Neither a file nor the manifest of an index may be somebody else's."""
    index = made_up(whole, "exact", tmp_path, lambda content: None)
    shutil.copytree(index, tmp_path / "other")
    outside = tmp_path / "outside.npy"
    (index / "codes.dims.npy").rename(outside)
    (index / "codes.dims.npy").symlink_to(outside)
    with pytest.raises(ei.StorageError, match="outside of it"):
        ei.Index.open(index)
    (tmp_path / "other" / "manifest.json").rename(tmp_path / "manifest.json")
    (tmp_path / "other" / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(ei.StorageError, match="is a link"):
        ei.Index.open(tmp_path / "other")


@pytest.mark.parametrize("kind", ["IDMap,Flat", "IVF4,Flat", "LSH", "PCA16,Flat", "L2", "HNSW8", "SQ8"])
def test_faiss_flat_takes_nothing_but_inner_products(whole, tmp_path, kind):
    import faiss

    vectors = np.random.default_rng(1).normal(size=(60, CODES.dims)).astype(np.float32)
    metric = faiss.METRIC_L2 if kind in ("L2", "LSH") else faiss.METRIC_INNER_PRODUCT
    index = faiss.index_factory(vectors.shape[1], "Flat" if kind == "L2" else kind, metric)
    index.train(vectors)
    if kind == "IDMap,Flat":
        index.add_with_ids(vectors, np.arange(60))
    else:
        index.add(vectors)
    faiss.write_index(index, str(tmp_path / "vectors.faiss"))
    directory = made_up(whole, "faiss-flat", tmp_path, lambda content: None)
    os.replace(tmp_path / "vectors.faiss", directory / "vectors.faiss")
    reseal(directory, "vectors.faiss")
    with pytest.raises(ei.StorageError, match=r"is not what faiss-flat wrote|cannot be opened by FAISS"):
        ei.Index.open(directory)
