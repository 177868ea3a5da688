"""What `doctor INDEX` finds."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

import elsa_index as ei
from elsa_index import index_doctor
from elsa_index.engines import loops

from .support.catalogues import make_tastes


@pytest.fixture
def place(tmp_path):
    codes, metadata = make_tastes(each=12)
    ei.Index.build(codes, tmp_path / "i", metadata=metadata, segments=None).close()
    return tmp_path / "i"


def found(path):
    return {finding.what: finding for finding in ei.diagnose_index(path)}


def test_a_new_index_is_well(place):
    findings = found(place)
    assert {finding.state for finding in findings.values()} <= {"ok"} | {
        finding.state for what, finding in findings.items() if what == "Compiled loops"
    }
    assert "every checksum right" in findings["Files"].found
    assert "0 minutes ago" in findings["Built"].found
    assert "20 histories asked, 0 without an answer" in findings["Answers"].found
    assert findings["Against exact answers"].found == "100.0% of the items are the same"
    assert "Changes" not in findings


def test_an_old_one_is_told_to_be_old(place, monkeypatch):
    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(days=40)

    monkeypatch.setattr(index_doctor, "datetime", Later)
    built = found(place)["Built"]
    assert (built.state, "40 days ago" in built.found) == ("hint", True)
    assert "build it again" in built.advice


def test_changes_are_counted(place):
    ei.delete(place, ["t0-1"])
    assert found(place)["Changes"].state == "ok"
    ei.delete(place, [f"t1-{at}" for at in range(12)] + [f"t2-{at}" for at in range(12)])
    changes = found(place)["Changes"]
    assert (changes.state, changes.advice.startswith("elsa-index compact")) == ("hint", True)
    assert "2 commits" in changes.found


@pytest.mark.parametrize("broken", ["damaged", "missing", "no index"])
def test_what_is_not_whole_is_wrong_and_named(place, broken):
    if broken == "damaged":
        file = place / "codes.weights.npy"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    elif broken == "missing":
        (place / "ids.utf8.npy").unlink()
    path = place if broken != "no index" else place.parent / "nothing"
    done = subprocess.run(
        [sys.executable, "-m", "elsa_index_cli", "doctor", str(path), "--json"], capture_output=True, text=True
    )
    assert done.returncode == 1
    (files,) = (finding for finding in json.loads(done.stdout) if finding["what"] == "Files")
    assert files["state"] == "wrong"
    name = {"damaged": "codes.weights.npy", "missing": "ids.utf8.npy", "no index": "nothing"}[broken]
    assert name in files["advice"]


def test_what_a_killed_build_left_is_told(place):
    (place.parent / ".i.building").mkdir()
    assert found(place)["Left behind"].state == "hint"


def test_without_numba_it_is_told_what_that_brings(place, monkeypatch):
    monkeypatch.setattr(loops, "usable", lambda: False)
    assert "elsa-index[serve]" in found(place)["Compiled loops"].advice
