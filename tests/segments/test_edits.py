"""What an editor wants of segments, kept in an index and over its rebuilds."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei

from ..support.catalogues import make_tastes

EDITS = {"segment:0": {"name": "Late nights"}, "segment:1": {"hide": True}, "segment:4": {"pin": True}}


def built(path: Path, seed: int = 1, engine: str = "lucene", **options) -> ei.Index:
    """Six tastes of forty items; another seed turns the dimensions around, so that segments get other numbers."""
    codes, metadata = make_tastes()
    if seed != 1:
        order = np.random.default_rng(seed).permutation(len(codes.ids))
        counts = np.asarray(codes.item_counts)[order]
        codes = replace(
            codes, ids=ei.IdMap(codes.ids.take(order)), weights=csr_array(codes.weights[order]), item_counts=counts
        )
    return ei.Index.build(codes, path, engine=engine, metadata=metadata, overwrite=True, **options)


def members(index: ei.Index, number: int) -> set[str]:
    return {index.ids[int(row)] for row in index.segments.members(number)}


@pytest.mark.parametrize("engine", ["lucene", "exact"])
def test_names_hidden_and_pinned_ones_hold_at_once_and_after_opening(tmp_path, engine):
    with built(tmp_path / "i", engine=engine) as index:
        names = list(index.segments.names)
        assert index.edit_segments(EDITS) == 3
    with ei.Index.open(tmp_path / "i") as again:
        for opened in (index, again):
            assert list(opened.segments.names) == ["Late nights", *names[1:]]
            assert opened.segments.listed == [0, 2, 3, 4, 5]
        history = ["t1-0", "t2-0"]  # t1 is the hidden one
        assert 1 not in again.rank_segments(history, 10).numbers
        assert len(again.rank_segments(history, 1).numbers) == 1
        for asked in (history, []):
            page = again.homepage(asked, rows=6, k=4)
            assert page.rows[1].segment.number == 4
            assert 1 not in [row.segment.number for row in page.rows[1:]]
        assert again.rank_segments([], 10).numbers.tolist() == [0, 2, 3, 4, 5]
        ei.Index.verify(tmp_path / "i")


def test_they_are_kept_over_rebuilds_by_the_items_that_segments_share(tmp_path):
    with built(tmp_path / "i") as index:
        index.edit_segments(EDITS)
        night, hidden, pinned = (members(index, number) for number in (0, 1, 4))
    for seed in (2, 3):
        with built(tmp_path / "i", seed) as index:
            assert members(index, list(index.segments.names).index("Late nights")) == night
            assert [members(index, number) for number in index.segments.hidden] == [hidden]
            assert [members(index, number) for number in index.segments.pinned] == [pinned]


def test_merged_ones_are_one_segment_when_the_index_is_built_again(tmp_path):
    with built(tmp_path / "i") as index:
        parts = members(index, 2) | members(index, 3)
        index.edit_segments({"segment:2": {"merge": ["segment:3"], "name": "Both"}})
        assert len(index.required_segments) == 6
    for seed in (1, 2):  # and again, when they are one already
        with built(tmp_path / "i", seed) as index:
            assert len(index.required_segments) == 5
            both = list(index.segments.names).index("Both")
            assert both == 0  # the largest
            assert members(index, both) == parts
            np.testing.assert_allclose(
                np.asarray(index.segments.vectors.multiply(index.segments.vectors).sum(axis=1)), 1, atol=2e-3
            )
            found = index.search([["t0-0"]], 300, tags=[index.segments[both].tag])
            assert {item for item in found.ids[0] if item is not None} == parts
            assert sum(part.items for part in index.segments[both].dimensions) == 80


def test_what_was_wanted_is_taken_back(tmp_path):
    with built(tmp_path / "i") as index:
        names = list(index.segments.names)
        index.edit_segments(EDITS)
        assert index.edit_segments({"segment:0": {"reset": True}, "segment:1": {"hide": False}}) == 1
        assert list(index.segments.names) == names
        assert index.segments.hidden == frozenset()
        assert index.segments.pinned == (4,)


def test_a_pinned_one_is_hidden_only_when_it_is_no_longer_pinned(tmp_path):
    with built(tmp_path / "i", engine="exact") as index:
        index.edit_segments({"segment:4": {"pin": True}})
        with pytest.raises(ei.UsageError, match="segment:4: a segment cannot be pinned and hidden"):
            index.edit_segments({"segment:4": {"hide": True}})
        index.edit_segments({"segment:4": {"hide": True, "pin": False}})
        assert (index.segments.pinned, index.segments.hidden) == ((), {4})


def test_a_segment_that_is_no_more_is_told(tmp_path):
    with built(tmp_path / "i") as index:
        index.edit_segments(EDITS)
    codes, _ = make_tastes()
    others = replace(codes, ids=ei.IdMap(f"new-{name}" for name in codes.ids))
    with (
        pytest.warns(ei.DataWarning, match="The segment that was edited to 'Late nights' is no more"),
        ei.Index.build(others, tmp_path / "i", overwrite=True) as index,
    ):
        assert index.manifest.segments.edits == []


@pytest.mark.parametrize(("edits", "message"), [
    ({"segment:99": {"name": "x"}}, "There is no segment 'segment:99'"),
    ({"segment:0": {"nam": "x"}}, "segment:0: nam: .* An entry may hold name, hide, pin, merge, reset"),
    ({"segment:0": {"name": ""}}, "segment:0: name: .*at least 1 character"),
    ({"segment:0": {"hide": "yes"}}, "segment:0: hide: must be true or false"),
    ({"segment:0": "x"}, "segment:0 = 'x' is of no segment; an entry begins with"),
    ({"segment:0": {"pin": "yes"}}, "segment:0: pin: must be true or false, got 'yes'"),
    ({"segment:0": {"pin": True, "hide": True}}, "segment:0: a segment cannot be pinned and hidden"),
    ({"segment:0": {"merge": "segment:1"}}, "segment:0: merge: must be a list"),
    ({"segment:0": {"merge": ["segment:1"]}, "segment:1": {"merge": ["segment:0"]}}, "can be in no other merge"),
    ({"segment:0": {"merge": ["segment:2"]}, "segment:1": {"merge": ["segment:2"]}}, "can be in no other merge"),
    ({}, "There are no edits"),
    ({"segment:0": {"merge": ["segment:0"]}}, "cannot be merged into itself"),
    ({"segment:0": {"merge": ["7"]}}, "There is no segment '7'"),
    ({"segment:0": {"name": "A"}, "segment:1": {"name": "a"}}, "segment:0 and segment:1 would both be called 'a'"),
])  # fmt: skip
def test_what_cannot_be_wanted_changes_nothing(tmp_path, edits, message):
    with built(tmp_path / "i", engine="exact") as index:
        before = (tmp_path / "i" / "manifest.json").read_bytes()
        with pytest.raises(ei.UsageError, match=message):
            index.edit_segments(edits)
        assert (tmp_path / "i" / "manifest.json").read_bytes() == before
        built(tmp_path / "i", engine="exact").close()
        with pytest.raises(ei.StorageError, match="was replaced while it was edited"):
            index.edit_segments({"segment:0": {"name": "x"}})


def test_the_command_line_takes_a_file_of_edits(tmp_path):
    with built(tmp_path / "i", engine="exact") as index:
        names = list(index.segments.names)
    edits = tmp_path / "edits.toml"

    def run(*arguments: object, status: int = 0) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "elsa_index_cli", "segments", tmp_path / "i", *arguments]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return done

    edits.write_text(
        '["segment:0"]\nname = "Late nights"\npin = true\n["segment:1"]\nhide = true\n'
        '["segment:2"]\nmerge = ["segment:3"]\n'
    )
    shown = run("--edit", edits)
    assert "Late nights (pinned)" in shown.stdout
    assert names[1].split(" · ")[0] not in shown.stdout
    assert "3 segments of the index are edited in all" in shown.stderr
    assert "merged when the index is built again" in shown.stderr
    assert "5 segments of 240 items, 1 more hidden: segment:1" in shown.stderr
    assert json.loads(run("--json").stdout)["shown"][0]["name"] == "Late nights"
    edits.write_text("name = Late")
    assert "is not TOML" in run("--edit", edits, status=1).stderr
    assert "does not exist; a file is needed" in run("--edit", tmp_path / "none.toml", status=1).stderr
