"""Files that are damaged, swapped or made to be believed: refused, or of no account, never the end of the process."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

import elsa_index as ei

from ..support.command_line import run
from ..support.damage import counts, outcomes


def two(tastes) -> tuple[ei.ItemCodes, ei.ItemCodes]:
    """Codes of the same items, the second in another order, so that their files fit each other."""
    codes, _ = tastes
    weighted = replace(codes, history_weights=np.linspace(0.5, 1.5, len(codes.ids)).astype(np.float32))
    turned = replace(weighted, weights=csr_array(codes.weights[::-1]), history_weights=weighted.history_weights[::-1])
    return weighted, turned


def write_two(kind: str, engine: str, tastes, log, folder: Path) -> None:
    """Two of a kind, `folder`/a and `folder`/b."""
    for name, codes in zip("ab", two(tastes), strict=True):
        if kind == "model":
            codes.save(folder / name)
        elif kind == "checkpoint":
            config = ei.TrainingConfig(dims=8, nnz=2, epochs=1, batch_size=16, seed=ord(name))
            ei.train(log, config, checkpoint=folder / name, checkpoint_seconds=0)
        elif engine == "none":
            over_items = ei.train(log, ei.SlimConfig(nnz=3 if name == "a" else 4, neighbours=8, regularisation=10))
            ei.Index.build(over_items, folder / name, store="none").close()
        else:
            tags = [(item, "even") for item in list(codes.ids)[::2]]
            ei.Index.build(codes, folder / name, engine=engine, tags=tags, metadata=tastes[1]).close()


def check_damage(kind: str, engine: str, tastes, log, folder: Path, flips: int) -> None:
    write_two(kind, engine, tastes, log, folder)
    kept = counts(outcomes(kind, folder / "a", folder / "b", flips=flips, how="keep"))
    assert set(kept) == {"refused"}, kept
    # Whoever makes the checksums anew has written something else, which may answer otherwise.
    believed = counts(outcomes(kind, folder / "a", folder / "b", flips=flips, how="reseal"))
    assert set(believed) <= {"refused", "the same", "other answers"}, believed
    assert believed["refused"] > 0


@pytest.mark.parametrize(("kind", "engine"), [("index", "exact"), ("model", ""), ("checkpoint", "")])
def test_whatever_is_changed_is_refused(kind, engine, tastes, log, tmp_path):
    check_damage(kind, engine, tastes, log, tmp_path, flips=2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("engine", ["lucene", "faiss-flat", "none"])
def test_whatever_is_changed_in_any_index_is_refused(engine, tastes, log, tmp_path):
    check_damage("index", engine, tastes, log, tmp_path, flips=2)


@pytest.mark.parametrize(
    ("engine", "name"),
    [("faiss-flat", "vectors.norms.npy"), ("lucene", "postings/segments_9"), ("exact", "codes.scales.npy")],
)
def test_a_file_that_nobody_wrote_down_is_refused_where_it_might_be_read(engine, name, tastes, tmp_path):
    codes, metadata = tastes
    ei.Index.build(codes, tmp_path / "i", engine=engine, metadata=metadata).close()
    (tmp_path / "i" / "README.txt").write_text("mine")
    ei.Index.open(tmp_path / "i").close()
    verified = run("verify", tmp_path / "i")
    assert "'README.txt' in" in verified.stderr
    assert "are not of the index, and never read" in verified.stderr
    np.save(tmp_path / "x.npy", np.ones(len(codes.ids), dtype=np.float32))
    (tmp_path / "x.npy").rename(tmp_path / "i" / name)
    with pytest.raises(ei.StorageError, match=rf"holds files that were not written with it: '{name}'. Remove them"):
        ei.Index.open(tmp_path / "i")
    (tmp_path / "i" / name).unlink()
    ei.Index.open(tmp_path / "i").close()


def test_a_model_without_checksums_is_read_as_before(tastes, tmp_path):
    """Models of earlier versions: their fingerprint is compared, and every index is in range."""
    import json

    codes, _ = tastes
    codes.save(tmp_path / "m")
    description = json.loads((tmp_path / "m" / "codes.json").read_text())
    for key in ("xxh3", "files", "history_codes"):
        del description[key]
    (tmp_path / "m" / "codes.json").write_text(json.dumps(description | {"format": "elsa-index codes 1"}))
    assert ei.ItemCodes.load(tmp_path / "m").fingerprint == codes.fingerprint
    indices = np.load(tmp_path / "m" / "indices.npy")
    indices[7] = 10**7
    np.save(tmp_path / "m" / "indices.npy", indices)
    with pytest.raises(ei.StorageError, match="damaged: they hold 10,000,000, where 0 to"):
        ei.ItemCodes.load(tmp_path / "m")
