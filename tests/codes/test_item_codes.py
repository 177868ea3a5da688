import mmap
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array, save_npz

import elsa_index as ei

from ..support.catalogues import make_codes, make_item_codes, make_two_matrices
from ..support.files import digest


def is_mapped(array) -> bool:
    """Whether an array's bytes are those of a mapped file."""
    while array is not None:
        if isinstance(array, mmap.mmap):
            return True
        array = getattr(array, "base", None)
    return False


def test_saved_codes_come_back_memory_mapped(tmp_path, codes):
    codes.save(tmp_path / "m")
    again = ei.ItemCodes.load(tmp_path / "m")
    assert again.fingerprint == codes.fingerprint
    assert list(again.ids) == list(codes.ids)
    assert is_mapped(again.weights.data)
    assert not is_mapped(codes.weights.data)
    np.testing.assert_array_equal(again.weights.toarray(), codes.weights.toarray())


def test_the_fingerprint_depends_on_weights_and_ids(codes):
    doubled = ei.ItemCodes(codes.ids, codes.weights * 2)
    renamed = ei.ItemCodes(ei.IdMap(range(len(codes.ids))), codes.weights)
    assert len({codes.fingerprint, doubled.fingerprint, renamed.fingerprint}) == 3


@pytest.mark.parametrize("make", [make_item_codes, make_two_matrices])
def test_what_items_bring_to_a_history_is_saved_and_part_of_the_fingerprint(make, tmp_path):
    codes = make()
    codes.save(tmp_path / "m")
    again = ei.ItemCodes.load(tmp_path / "m")
    assert again.fingerprint == codes.fingerprint
    assert again.history_kind == codes.history_kind
    np.testing.assert_array_equal(again.history_matrix.toarray(), codes.history_matrix.toarray())
    kept = replace(codes, weights=codes.weights + csr_array(np.eye(300, codes.dims)), history_codes="same")
    others = [kept, replace(kept, history_codes=codes.history_codes), replace(kept, history_codes=kept.weights * 2)]
    assert len({other.fingerprint for other in others}) == 3


@pytest.mark.parametrize(("history_codes", "message"), [
    ("items", "the codes must be a matrix of items x items, got 2 x 3"),
    ("none", "history_codes must be 'same', 'items' or a matrix of items x dims, got 'none'"),
    (np.ones((2, 2)), "History codes must have the shape of the codes, 2 x 3, got 2 x 2"),
    (np.ones((3, 3)), "one id per row of the history codes, got 2 ids for 3 rows"),
    (np.full((2, 3), np.nan), r"The history code of item 'a' \(row 0\) holds nan"),
])  # fmt: skip
def test_history_codes_that_do_not_fit_are_refused(history_codes, message):
    with pytest.raises(ei.DataError, match=message):
        ei.ItemCodes(ei.IdMap("ab"), csr_array(np.ones((2, 3))), history_codes=history_codes)


def test_codes_from_files_say_what_items_bring(tmp_path):
    save_npz(tmp_path / "c.npz", csr_array([[0, 0.5], [0.0, 0]]))
    save_npz(tmp_path / "h.npz", csr_array([[1.0, 0], [0, 2]]))
    assert ei.load_codes(tmp_path / "c.npz", history_codes="items").history_kind == "items"
    two = ei.load_codes(tmp_path / "c.npz", history_codes=tmp_path / "h.npz")
    assert two.history_kind == "matrix"
    assert two.history_matrix.toarray().tolist() == [[1, 0], [0, 2]]
    with pytest.raises(ei.DataError, match="no nonzero weight"):
        ei.load_codes(tmp_path / "c.npz")
    with pytest.raises(ei.DataError, match="The matrix of history codes"):
        ei.load_codes(tmp_path / "c.npz", history_codes=tmp_path / "missing.npz")
    make_codes(20).save(tmp_path / "m")
    with pytest.raises(ei.UsageError, match=r"history codes are for \.npz files"):
        ei.load_codes(tmp_path / "m", history_codes="items")


def test_any_signed_sparse_matrix_is_imported(tmp_path):
    save_npz(tmp_path / "c.npz", coo_array([[0, -2.0], [1, 0.5]]))
    (tmp_path / "ids.txt").write_text("a,b\nc d\n")
    codes = ei.ItemCodes.from_npz(tmp_path / "c.npz", tmp_path / "ids.txt")
    assert list(codes.ids) == ["a,b", "c d"]
    np.testing.assert_array_equal(codes.weights.toarray(), [[0, -2], [1, 0.5]])
    assert list(ei.ItemCodes.from_npz(tmp_path / "c.npz").ids) == ["0", "1"]


@pytest.mark.parametrize(("rows", "ids", "message"), [
    ([[1.0, np.nan]], ["a"], "row 0: values must be finite numbers, got nan"),
    ([[1.0], [0.0]], ["a", "b"], r"item 'b' \(row 1\) has no nonzero weight"),
    ([[1.0], [2.0]], ["a"], "one id per row of the codes, got 1 ids for 2 rows"),
    ([[1.0], [2.0]], ["a", "a"], "Ids must be unique; repeated: 'a'"),
    ([[1.0, np.inf]], ["a"], "finite"),
])  # fmt: skip
def test_bad_codes_are_refused(rows, ids, message, tmp_path):
    save_npz(tmp_path / "c.npz", csr_array(np.array(rows)))
    (tmp_path / "ids.csv").write_text("item_id\n" + "".join(f"{name}\n" for name in ids))
    with pytest.raises(ei.DataError, match=message):
        ei.ItemCodes.from_npz(tmp_path / "c.npz", tmp_path / "ids.csv")


def test_pickled_arrays_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.array([Trap()], dtype=object)
    np.savez(tmp_path / "c.npz", data=trap, indices=trap, indptr=trap, shape=[1, 1], format=b"csr")
    with pytest.raises(ei.DataError, match=r"c\.npz is not a SciPy sparse matrix"):
        ei.ItemCodes.from_npz(tmp_path / "c.npz")
    assert not (tmp_path / "sprung").exists()


def test_indices_out_of_range_are_refused(tmp_path):
    np.savez(tmp_path / "c.npz", data=[1.0], indices=[9], indptr=[0, 1], shape=[1, 2], format=b"csr")
    with pytest.raises(ei.DataError, match="not a SciPy sparse matrix"):
        ei.ItemCodes.from_npz(tmp_path / "c.npz")


def test_a_flipped_byte_in_any_file_of_a_model_is_noticed(tmp_path):
    make_codes(30).save(tmp_path / "m")
    for path in sorted((tmp_path / "m").glob("*.npy")):
        if path.name == "item_counts.npy":
            continue
        content = bytearray(path.read_bytes())
        content[-3] ^= 0x10
        path.write_bytes(bytes(content))
        with pytest.raises(ei.ElsaIndexError):
            ei.ItemCodes.load(tmp_path / "m")
        content[-3] ^= 0x10
        path.write_bytes(bytes(content))
    ei.ItemCodes.load(tmp_path / "m")


def test_output_that_exists_is_kept(tmp_path, codes):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "diary.txt").write_text("dear")
    before = digest(tmp_path)
    for overwrite in (False, True):
        with pytest.raises(ei.StorageError, match=r"pass --overwrite|not what this command writes"):
            codes.save(tmp_path / "m", overwrite=overwrite)
    assert digest(tmp_path) == before


def test_weights_that_half_precision_cannot_hold_name_the_way_out(tmp_path):
    for scale in (1e6, 1e-9):
        codes = ei.ItemCodes(ei.IdMap("ab"), csr_array(np.array([[1.0], [2.0]]) * scale))
        with pytest.raises(ei.DataError, match="--store float32"):
            ei.Index.build(codes, tmp_path / "i", engine="exact")
        ei.Index.build(codes, tmp_path / f"i{scale}", engine="exact", store="float32").close()
