"""Models that compresso-recsys saved, as codes. That package is not needed to read them."""

import io
import json
import zipfile
import zlib
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ..data.raw_bytes import most_unpacked
from ..errors import DataError
from ..extras import require
from ..storage.ids import IdMap
from .item_codes import ItemCodes

FORMAT, VERSION, MODEL = "compresso.recsys.model", 1, "elsa_trainer"


def read_compresso(path: Path) -> ItemCodes:
    """The item codes of an ELSA model, dense or compressed, that `ELSATrainer.save` wrote: rows of norm 1.

    The archive is read as data: nothing is extracted to disk, and tensors are loaded by torch's weights-only reader.

    Raises DataError for any other file, for other models of compresso-recsys, and for damaged ones; MissingExtraError
    where torch is not installed.
    """
    require("Reading a model of compresso-recsys", "torch")
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = json.loads(_member(archive, path, "manifest.json"))
            found = (manifest.get("format"), manifest.get("version"), manifest.get("model_type"))
            if found != (FORMAT, VERSION, MODEL):
                raise DataError(
                    f"{path} holds format {found[0]!r}, version {found[1]!r}, model {found[2]!r}; only "
                    f"{FORMAT!r}, version {VERSION}, model {MODEL!r} (ELSA) can be read."
                )
            config = json.loads(_member(archive, path, "config.json"))
            ids = [entry["value"] for entry in json.loads(_member(archive, path, "identity/source_item_ids.json"))]
            weights = _weights(_member(archive, path, "state/model.pt"), int(config["latent_dim"]))
        names = IdMap(map(str, ids))
        origin = {"model": "ELSA" if config["compression"] is None else "Compressed ELSA", "imported_from": path.name}
        return ItemCodes(names, weights, origin=origin | {"compresso_recsys": config})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError, EOFError, MemoryError,
            zipfile.BadZipFile, zlib.error, UnpicklingError) as error:  # fmt: skip
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} is not a model that compresso-recsys saved, or is damaged: {error}") from None


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> bytes:
    size = archive.getinfo(name).file_size
    if size > most_unpacked(path.stat().st_size):
        raise DataError(f"{path} is damaged: {name} claims to hold {size:,} bytes.")
    return archive.read(name)


def _weights(content: bytes, dims: int) -> csr_array:
    import torch

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > most_unpacked(len(content)):
        raise ValueError(f"its tensors claim to hold {unpacked:,} bytes")
    state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    for name in ("A", "sparse_A.values", "sparse_A.cols"):
        tensor = state.get(name)
        if tensor is not None and tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise ValueError(f"{name} is {tuple(tensor.shape)} and holds fewer values")
    if "A" in state:
        weights = csr_array(state["A"].float().numpy())
    else:
        values, columns = state["sparse_A.values"].float().numpy(), state["sparse_A.cols"].numpy()
        items, kept = values.shape
        indptr = np.arange(0, items * kept + 1, kept)
        weights = csr_array((values.ravel(), columns.ravel(), indptr), shape=(items, dims))
        weights.check_format(full_check=True)
        weights.sum_duplicates()
    weights.eliminate_zeros()
    norms = np.sqrt(weights.multiply(weights).sum(axis=1))
    return csr_array(weights / np.where(norms > 0, norms, 1)[:, None])
