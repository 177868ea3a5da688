"""What a change says, what it refuses, and that nothing is lost where it fails."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.storage.staging import staged_directory

from ..support.catalogues import make_codes, make_item_codes, make_two_matrices
from ..support.engines import INSTALLED_ENGINES


@pytest.fixture
def place(tmp_path) -> Path:
    codes = make_codes(60)
    tags = [(name, "even") for name in list(codes.ids)[::2]]
    ei.Index.build(codes, tmp_path / "i", engine="exact", tags=tags, segments=None).close()
    return tmp_path / "i"


def files_of(path: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}


def given(codes: ei.ItemCodes, rows: list[int], ids: list[str]) -> ei.ItemCodes:
    return ei.ItemCodes(ei.IdMap(ids), codes.weights[rows], {"space": codes.space})


def test_a_change_says_what_it_did(place):
    codes = make_codes(60)
    names = list(codes.ids)
    done = ei.upsert(place, given(codes, [3, 4, 5], ["new", names[0], names[5]]), tags=[(names[1], "odd")])
    assert (done.added, done.replaced, done.retagged, done.deleted) == (1, 1, 1, 0)
    assert (done.items, done.commit) == (61, 1)
    assert ei.delete(place, [names[0], "new"]).items == 59
    assert ei.tag(place, remove=[(names[2], "even"), (names[3], "even")]).retagged == 1
    ei.Index.verify(place)


def test_a_whole_model_writes_only_what_changed(place):
    codes = make_codes(60)
    before = files_of(place)
    done = ei.upsert(place, codes)
    assert (done.added, done.replaced, done.commit) == (0, 0, 0)
    assert files_of(place) == before
    rows = [8 if row == 7 else row for row in range(60)]
    changed = ei.ItemCodes(codes.ids, codes.weights[rows], {"space": codes.space}, codes.item_counts)
    assert ei.upsert(place, changed).replaced == 1


def test_what_an_index_does_not_keep_is_no_change_and_what_it_keeps_is(tmp_path):
    codes = make_codes(30)
    counted = replace(codes, item_counts=np.full(30, 7))
    for at, first in enumerate((replace(codes, item_counts=None), counted)):
        ei.Index.build(first, tmp_path / str(at), engine="exact", segments=None).close()
    assert ei.upsert(tmp_path / "0", counted).commit == 0, "it keeps no counts"
    assert ei.upsert(tmp_path / "1", counted).commit == 0
    beyond = replace(codes, item_counts=np.full(30, 7 + 2**16))
    assert ei.upsert(tmp_path / "1", beyond).commit == 1
    with ei.Index.open(tmp_path / "1") as index:
        assert set(index.item_counts.tolist()) == {7 + 2**16}
    shares = replace(codes, history_weights=np.linspace(0.5, 2, 30, dtype=np.float32), origin={"space": codes.space})
    assert [ei.upsert(tmp_path / "0", shares).commit for _ in range(2)] == [1, 1]
    assert ei.upsert(tmp_path / "0", codes).commit == 2, "all count alike again"
    assert ei.upsert(tmp_path / "0", codes).commit == 2


def test_a_model_of_another_training_replaces_all_items_or_none(place):
    codes, other = make_codes(60), make_codes(60, seed=9)
    before = files_of(place)
    with pytest.raises(ei.UsageError, match=r"another training .*Write all items of the index, or say --same-space"):
        ei.upsert(place, other, items=list(other.ids)[:3])
    assert files_of(place) == before
    assert ei.upsert(place, other).replaced == 60
    with ei.Index.open(place) as index:
        assert index.manifest.codes.space == other.space
    with pytest.raises(ei.UsageError, match="another training"):
        ei.upsert(place, codes, items=[codes.ids[0]])
    assert ei.upsert(place, codes, items=[codes.ids[0]], same_space=True).replaced == 1


NO_PAIRS: Any = ["zz"]
NO_CODES: Any = "model"
REFUSED: list[Any] = [
    (
        lambda place: ei.delete(place, ["zz", make_codes(60).ids[1], "yy"]),
        ei.UnknownIdError,
        r"'zz', 'yy' \(2 of 3 ids\), and none was",
    ),
    (lambda place: ei.delete(place, list(make_codes(60).ids)), ei.UsageError, "No item would be left"),
    (lambda place: ei.tag(place, add=[("zz", "red")]), ei.UnknownIdError, "does not hold tagged items: 'zz'"),
    (lambda place: ei.tag(place, add=NO_PAIRS), ei.UsageError, "Tags are pairs of item id and tag"),
    (lambda place: ei.tag(place, add=[("1", "segment:3")]), ei.DataError, "no item may be given 'segment:3'"),
    (lambda place: ei.tag(place, [("1", "a")], [("1", "a")]), ei.UsageError, "added to an item and removed"),
    (
        lambda place: ei.upsert(place, make_codes(60, dims=16)),
        ei.UsageError,
        "codes of 64 dimensions, and these are of 16",
    ),
    (lambda place: ei.upsert(place, make_item_codes()), ei.UsageError, "bring to a history 'same', and these 'items'"),
    (lambda place: ei.upsert(place, NO_CODES), ei.UsageError, "load_codes reads them"),
    (lambda place: ei.upsert(place, make_codes(60), items=["zz"]), ei.UnknownIdError, "zz"),
]


@pytest.mark.parametrize(("change", "error", "message"), REFUSED)
def test_what_is_wrong_is_told_and_leaves_the_index_as_it_was(place, change, error, message):
    before = files_of(place)
    with pytest.raises(error, match=message):
        change(place)
    assert files_of(place) == before
    assert [path.name for path in place.parent.iterdir()] == ["i"]


def test_tags_without_codes_are_refused_where_none_are_stored(tmp_path):
    codes = make_item_codes()
    name = codes.ids[5]
    ei.Index.build(codes, tmp_path / "i", store="none", segments=None).close()
    with pytest.raises(ei.UsageError, match="keeps no codes, by which items could be filed under other tags"):
        ei.tag(tmp_path / "i", add=[(name, "new")])
    ei.upsert(tmp_path / "i", codes, items=[name], tags=[(name, "new")])
    with ei.Index.open(tmp_path / "i") as index:
        assert index.tags is not None
        assert [index.ids[row] for row in index.tags.rows_of(0)] == [name]


def test_unknown_ids_are_skipped_where_that_is_asked(place):
    assert ei.delete(place, ["zz", make_codes(60).ids[1]], skip_unknown=True).deleted == 1


@pytest.mark.parametrize("engine", sorted({"faiss-hnsw", "faiss-ivfpq", "faiss-sq8", "seismic"} & {*INSTALLED_ENGINES}))
def test_engines_that_cannot_change_refuse_by_name(engine, tmp_path):
    codes = make_codes(60)
    ei.Index.build(codes, tmp_path / "i", engine=engine, segments=None).close()
    for change in (lambda: ei.delete(tmp_path / "i", [codes.ids[0]]), lambda: ei.compact(tmp_path / "i")):
        with pytest.raises(ei.UsageError, match=f"The engine {engine} cannot change items"):
            change()


def test_a_full_disk_is_told_before_anything_is_written(place, monkeypatch):
    usage = shutil.disk_usage(place)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(ei.StorageError, match="was not changed: its disk has 0 MB left"):
        ei.delete(place, [make_codes(60).ids[0]])


def test_a_writer_is_waited_for_and_named(place):
    with staged_directory(place, overwrite=True, is_ours=Path.is_dir) as staged:
        with pytest.raises(ei.StorageError, match=rf"\(process {os.getpid()} on .*since '20.*waited for during 0.2 s"):
            ei.delete(place, [make_codes(60).ids[0]], patience=0.2)
        shutil.copytree(place, staged, dirs_exist_ok=True)
    assert ei.delete(place, [make_codes(60).ids[0]], patience=0.2).deleted == 1


def test_an_index_that_is_newer_is_not_changed(place):
    manifest = json.loads((place / "manifest.json").read_text())
    (place / "manifest.json").write_text(json.dumps(manifest | {"format": 99}))
    with pytest.raises(ei.StorageError, match="has the index format 99; this version reads"):
        ei.delete(place, [make_codes(60).ids[0]])


def test_a_read_only_place_is_told(place):
    script = (
        "import os, sys, elsa_index as ei\nfrom elsa_index import delete\nif os.geteuid() == 0: os.setuid(65534)\n"
        "try: delete(sys.argv[1], [sys.argv[2]])\nexcept ei.StorageError as error: print(error)"
    )
    for folder in (place.parent, *place.parent.parents):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o555)
        if folder == Path("/tmp") or folder.parent == folder:
            break
    done = subprocess.run([sys.executable, "-c", script, place, make_codes(60).ids[0]], capture_output=True, text=True)
    assert "cannot be written: nothing may be written in" in done.stdout, done.stderr


@pytest.mark.parametrize("engine", ["exact", "lucene", "faiss-flat"])
def test_codes_that_items_bring_to_a_history_follow(engine, tmp_path):
    codes = make_two_matrices()
    names = list(codes.ids)
    rows = [3, 4]
    brought = codes.history_matrix[rows]
    new = ei.ItemCodes(ei.IdMap(["new", names[9]]), codes.weights[rows], {"space": codes.space}, history_codes=brought)
    ei.Index.build(codes, tmp_path / "i", engine=engine, segments=None).close()
    ei.upsert(tmp_path / "i", new)
    ei.delete(tmp_path / "i", [names[0]])
    kept = [row for row in range(len(names)) if row not in (0, 9)]
    order = [*kept, *rows]
    ids = ei.IdMap([*(names[row] for row in kept), "new", names[9]])
    same = ei.ItemCodes(ids, codes.weights[order], history_codes=codes.history_matrix[order])
    histories = [["new", names[5]], [names[9]], [names[7], names[8], "new"]]
    with (
        ei.Index.open(tmp_path / "i") as index,
        ei.Index.build(same, tmp_path / "fresh", engine=engine, segments=None) as fresh,
    ):
        found, expected = (opened.search(histories, 10, exact=True) for opened in (index, fresh))
        assert found.ids.tolist() == expected.ids.tolist()
        assert found.scores.tolist() == expected.scores.tolist()


def test_a_weight_beyond_all_others_has_all_postings_written_again(tmp_path):
    codes = make_codes(60)
    heavy = ei.ItemCodes(ei.IdMap(["heavy"]), codes.weights[[3]] * 7, {"space": codes.space})
    ei.Index.build(codes, tmp_path / "i", engine="lucene", segments=None).close()
    ei.upsert(tmp_path / "i", heavy)
    ei.delete(tmp_path / "i", [codes.ids[1]])
    with ei.Index.open(tmp_path / "i") as index:
        found = index.search([[codes.ids[3]]], 59, exact=True).rankings[0]
        assert found.items[0] == "heavy"
        assert found.proven
        assert len(found.items) == 59
        assert codes.ids[1] not in found.items


def test_a_weight_beyond_what_impacts_stand_for_is_refused_where_they_are_the_codes(tmp_path):
    codes = make_item_codes()
    ei.Index.build(codes, tmp_path / "i", store="none", segments=None).close()
    before = files_of(tmp_path / "i")
    heavier = ei.ItemCodes(codes.ids, codes.weights * 3, history_codes="items")
    with pytest.raises(ei.DataError, match=r"the impacts of this index stand for .* at most. Build it again"):
        ei.upsert(tmp_path / "i", heavier, items=list(codes.ids)[:40])
    assert files_of(tmp_path / "i") == before


def test_old_commits_are_gone_when_nobody_reads_them(place):
    codes = make_codes(60)
    size = sum(entry.stat().st_size for entry in place.rglob("*"))
    reader = ei.Index.open(place)
    handles = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for at in range(60):
        ei.tag(place, add=[(codes.ids[at], f"tag {at % 3}")])
    assert len(reader) == 60
    reader.close()
    assert [path.name for path in place.parent.iterdir()] == ["i"]
    assert sum(entry.stat().st_size for entry in place.rglob("*")) < 2 * size + 10_000
    if handles:
        assert len(os.listdir("/proc/self/fd")) <= handles + 2


def test_an_index_knows_whether_it_is_current(place):
    with ei.Index.open(place) as index:
        assert index.is_current
        ei.delete(place, [index.ids[0]])
        assert not index.is_current
        assert len(index) == 60
