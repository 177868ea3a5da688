"""What a notebook shows of our objects: what they are, and not what is in them."""

import elsa_index as ei

from .support.catalogues import make_codes, make_histories


def test_reprs_say_what_things_are(log, tmp_path):
    codes = make_codes(300)
    assert repr(log).startswith(f"Interactions({len(log.users):,} users x {len(log.items):,} items, ")
    assert repr(codes) == "ItemCodes(300 items x 64 dimensions, 8 nonzeros each, of unknown origin)"
    assert repr(ei.split(log, users=5)).startswith("Split(held-out: training on ")
    index = ei.Index.build(codes, tmp_path / "i", engine="exact", segments=None)
    found = index.search(make_histories(codes, 3), 5)
    assert repr(found).startswith("SearchResult(3 rankings of up to 5 items; exact")
    for _ in range(2):  # open, then closed
        assert repr(index).startswith(f"Index('{tmp_path / 'i'}': 300 items, exact, ")
        assert repr(index).endswith(" bytes, exact)")
        index.close()


def test_a_calibrated_index_says_to_what(log, tmp_path):
    codes = ei.train(log, ei.TrainingConfig(dims=16, nnz=4, epochs=1, device="cpu"))
    with ei.Index.build(codes, tmp_path / "i", segments=None) as index:
        assert "with exact as calibrated" in repr(index)
