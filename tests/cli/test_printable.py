"""Texts of others on a terminal."""

import json
import os
import pty
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei

pytestmark = pytest.mark.slow  # programs on terminals
EVIL = [
    "\x1b[2Jgone",
    "a\u202egnp.exe",
    "\x9b31mred",
    "back\x08\x08\x08",
    "bell\x07",
    "plain",
    "日本\u3000語",
    "👩\u200d🍳",
]


@pytest.fixture(scope="module")
def evil(tmp_path_factory):
    path = tmp_path_factory.mktemp("evil") / "i"
    codes = ei.ItemCodes(ei.IdMap(EVIL), csr_array(np.ones((len(EVIL), 2), np.float32)))
    ei.Index.build(codes, path, engine="exact", segments=None, metadata={"item_id": EVIL, "title": EVIL}).close()
    return path


def on_terminal(*arguments):
    """What a terminal gets, standard error included."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=slave, stderr=slave, env=os.environ | {"NO_COLOR": "1", "TERM": "dumb"})
    os.close(slave)
    shown = b""
    try:
        while part := os.read(master, 65536):
            shown += part
    except OSError:  # how Linux ends a terminal
        pass
    os.close(master)
    process.wait(60)
    return shown.decode()


def test_no_id_or_title_moves_the_cursor(evil, tmp_path):
    (tmp_path / "h.csv").write_text("user_id,item_id\n\x1b[2J,plain\nv,\x1b[3Jstranger\n")
    for arguments in (
        ("search", evil, "--items", "plain", "-k", "8"),
        ("search", evil, "--items", "plain", "-k", "8", "--json"),
        ("search", evil, "--histories", tmp_path / "h.csv", "-k", "8"),
        ("search", evil, "--items", "\x1b[2Jstranger"),
    ):
        shown = on_terminal(*arguments)
        assert not {"\x1b", "\x9b", "\u202e", "\x08", "\x07"} & set(shown), shown
    shown = on_terminal("search", evil, "--items", "\x1b[2Jgone", "-k", "8")
    assert "日本\u3000語" in shown
    assert "👩\u200d🍳" in shown


def test_programs_get_every_character(evil, tmp_path):
    command = [sys.executable, "-m", "elsa_index_cli", "search", str(evil), "--items", "plain", "-k", "8"]
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60)
    items = {item["item_id"] for item in json.loads(done.stdout)["results"][0]["items"]}
    assert items == set(EVIL) - {"plain"}
    (tmp_path / "h.csv").write_text("user_id,item_id\nu,plain\n")
    command = [*command[:5], "--histories", str(tmp_path / "h.csv"), "-k", "8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert all(name in done.stdout for name in items)
