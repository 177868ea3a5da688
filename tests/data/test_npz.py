"""Matrices in `.npz` files: every format that SciPy saves, and files that claim what they do not hold."""

import io
import subprocess
import sys
import zipfile
from typing import Any

import numpy as np
import psutil
import pytest
from scipy.sparse import coo_array, csr_array, random_array, save_npz

import elsa_index as ei
from elsa_index.data.npz import load_csr

ONES = np.ones(50, np.float32)
UP = np.arange(50)


def written(path, form: str, shape: tuple[int, ...], **arrays) -> None:
    np.savez(path, format=np.array(form.encode()), shape=np.array(shape), **arrays)


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "bsr", "dia"])
def test_whatever_scipy_saves_is_read(tmp_path, form):
    matrix = random_array((24, 18), density=0.3, random_state=1, dtype=np.float32)
    save_npz(tmp_path / "m.npz", matrix.asformat(form))
    np.testing.assert_array_equal(load_csr(tmp_path / "m.npz").toarray(), matrix.toarray())
    if form != "dia":  # those of scipy.sparse.spmatrix too
        from scipy.sparse import bsr_matrix, coo_matrix, csc_matrix, csr_matrix

        old = {"csr": csr_matrix, "csc": csc_matrix, "coo": coo_matrix, "bsr": bsr_matrix}[form](matrix.toarray())
        save_npz(tmp_path / "old.npz", old)
        np.testing.assert_array_equal(load_csr(tmp_path / "old.npz").toarray(), matrix.toarray())


HOSTILE: dict[str, tuple[str, tuple[int, ...], dict[str, Any]]] = {
    "a row beyond": ("csc", (50, 1), {"data": ONES, "indices": np.append(UP[:-1], 10**7), "indptr": [0, 50]}),
    "a row below": ("csc", (50, 1), {"data": ONES, "indices": np.append(UP[:-1], -(10**7)), "indptr": [0, 50]}),
    "ends beyond": ("csc", (50, 3), {"data": ONES, "indices": UP, "indptr": [0, 10**9, 10**9, 50]}),
    "ends before": ("csr", (3, 50), {"data": ONES, "indices": UP, "indptr": [0, -5, 10, 50]}),
    "too few ends": ("csr", (50, 50), {"data": ONES, "indices": UP, "indptr": [0, 50]}),
    "a column beyond": ("csr", (50, 4), {"data": ONES, "indices": np.full(50, 10**7), "indptr": np.arange(51)}),
    "blocks beyond": (
        "bsr", (50, 4),
        {"data": np.ones((25, 2, 2), np.float32), "indices": np.full(25, 10**7), "indptr": np.arange(26)},
    ),
    "blocks that do not fit": (
        "bsr", (51, 4), {"data": np.ones((25, 2, 2), np.float32), "indices": UP[:25] * 0, "indptr": np.arange(26)},
    ),
    "coordinates beyond": ("coo", (50, 4), {"data": ONES, "row": UP, "col": np.full(50, 10**7)}),
    "a diagonal beyond": ("dia", (50, 4), {"data": np.ones((1, 50), np.float32), "offsets": [10**7]}),
    "a diagonal twice": ("dia", (50, 4), {"data": np.ones((2, 50), np.float32), "offsets": [0, 0]}),
    "rows of nothing": ("coo", (10**12, 4), {"data": ONES[:1], "row": [0], "col": [0]}),
    "columns of nothing": ("csr", (3, 2**32 + 8), {"data": ONES[:3], "indices": [0, 9, 5], "indptr": np.arange(4)}),
    "no numbers": ("csr", (1, 50), {"data": np.array(["x"] * 50), "indices": UP, "indptr": [0, 50]}),
    "floats for indices": ("csr", (1, 50), {"data": ONES, "indices": UP / 1.0, "indptr": [0, 50]}),
    "three dimensions": ("coo", (5, 5, 5), {"data": ONES[:1], "row": [0], "col": [0]}),
    "another format": ("dok", (50, 50), {"data": ONES}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_does_not_fit_is_refused_and_ends_no_process(tmp_path, name):
    form, shape, arrays = HOSTILE[name]
    written(tmp_path / "m.npz", form, shape, **{key: np.asarray(value) for key, value in arrays.items()})
    code = "import sys, elsa_index as ei\ntry: ei.load_codes(sys.argv[1])\nexcept ei.DataError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "m.npz"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-300:]
    assert "m.npz" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_an_archive_that_would_fill_memory_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_STORED) as archive:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (50_000_000,)})
        with archive.open("data.npy", "w") as member:
            member.write(header.getvalue())
            for _ in range(200):
                member.write(bytes(1_000_000))
    small = psutil.virtual_memory()._replace(available=300_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: small)
    with pytest.raises(ei.DataError, match=r"bomb\.npz unpacks to 0\.2 GB, .* where 0\.3 GB are free"):
        load_csr(tmp_path / "bomb.npz")


def test_empty_rows_are_allowed_as_far_as_they_are_plausible(tmp_path):
    save_npz(tmp_path / "m.npz", coo_array((ONES[:1], (np.array([0]), np.array([0]))), shape=(900_000, 3)))
    assert load_csr(tmp_path / "m.npz").shape == (900_000, 3)
    assert isinstance(load_csr(tmp_path / "m.npz"), csr_array)
