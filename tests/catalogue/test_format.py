"""The document of the format names every file that an index can have, its type, and every field of the manifest."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

import elsa_index as ei
from elsa_index.catalogue.calibration import Calibration
from elsa_index.catalogue.manifest import CodesEntry, Manifest
from elsa_index.segments.stored import SegmentsEntry

from ..support.catalogues import make_codes, make_item_codes, make_tastes, make_two_matrices
from ..support.engines import INSTALLED_ENGINES

DOCUMENT = (Path(__file__).parents[2] / "docs" / "concepts" / "format.md").read_text()
BUILDS = [
    *((engine, None, "tastes") for engine in INSTALLED_ENGINES if engine != "opensearch"),
    ("lucene", "int8", "tastes"), ("lucene", "none", "items"), ("lucene", None, "two matrices"),
    ("faiss-hnsw", None, "not of norm 1"),
]  # fmt: skip


def rows_of_table() -> dict[str, tuple[str, str]]:
    """Pattern of a file's name -> type and shape."""
    rows = {}
    for line in DOCUMENT.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            for pattern in re.findall(r"`([^`]+)`", cells[0]):
                rows[pattern.replace(".N.", ".*.")] = (cells[1], cells[2])
    return rows


def build(path, engine, store, kind):
    tastes, metadata = make_tastes(each=12)
    codes = {"tastes": tastes, "items": make_item_codes(), "two matrices": make_two_matrices(),
             "not of norm 1": make_codes(unit=False)}[kind]  # fmt: skip
    tags = [(str(codes.ids[at]), "odd") for at in range(10, 40)]
    known = metadata if kind == "tastes" else None
    numbers = ["year"] if known else []
    rules = ei.SegmentRules(least_items=6)
    return ei.Index.build(
        codes, path, engine=engine, store=store, tags=tags, metadata=known, numbers=numbers, segments=rules
    )


@pytest.mark.parametrize(("engine", "store", "kind"), BUILDS)
def test_every_file_is_in_the_document_with_its_type(engine, store, kind, tmp_path):
    table = rows_of_table()
    with build(tmp_path / "i", engine, store, kind) as index:
        for name in (*index.manifest.files, "manifest.json"):
            short = name.removeprefix("segments/")
            found = [at for at in table if fnmatchcase(name, at) or fnmatchcase(short, at)]
            assert found, name
            types = table[found[0]][0]
            if name.endswith(".npy"):
                dtype = str(np.load(tmp_path / "i" / name, mmap_mode="r").dtype)
                text_types = {"utf8": "uint8", "offsets": "uint32"}
                if types == "texts":
                    assert dtype == text_types[name.rsplit(".", 2)[1]]
                elif types.startswith("as "):
                    assert dtype in table[f"codes.{name.rsplit('.', 2)[1]}.npy"][0]
                else:
                    assert dtype in types.split(", "), (name, dtype)


def test_no_file_is_in_the_document_that_no_index_has(tmp_path):
    names: set[str] = set()
    for number, (engine, store, kind) in enumerate(BUILDS):
        with build(tmp_path / str(number), engine, store, kind) as index:
            names |= {*index.manifest.files, "manifest.json"}
    weights = make_codes(20).weights
    shares = np.linspace(0.5, 1, 20, dtype=np.float32)
    codes = ei.ItemCodes(ei.IdMap(map(str, range(20))), weights, history_weights=shares)
    with ei.Index.build(codes, tmp_path / "shares", segments=None) as index:
        names |= set(index.manifest.files)
    codes = make_item_codes()
    ei.Index.build(codes, tmp_path / "changed", segments=None).close()
    ei.delete(tmp_path / "changed", [codes.ids[0]])
    with ei.Index.open(tmp_path / "changed") as index:
        names |= set(index.manifest.files)
    unused = [at for at in rows_of_table() if not any(fnmatchcase(name, at) for name in names)]
    assert unused == ([] if "seismic" in INSTALLED_ENGINES else ["postings.seismic"])


@pytest.mark.parametrize("model", [Manifest, CodesEntry, SegmentsEntry, Calibration])
def test_every_field_is_in_the_document(model: type[BaseModel]):
    for name in model.model_fields:
        assert f"`{name}`" in DOCUMENT, name
