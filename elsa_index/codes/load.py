"""Codes from whatever they come in: a model directory, a SciPy matrix, a model of compresso-recsys."""

import os
from dataclasses import replace
from pathlib import Path

from ..errors import DataError, UsageError
from .compresso_recsys import read_compresso
from .item_codes import ItemCodes
from .names import RowsAre
from .over_items import codes_over_items


def load_codes(
    path: str | os.PathLike[str],
    item_ids: str | os.PathLike[str] | None = None,
    history_codes: str | os.PathLike[str] | None = None,
    rows: RowsAre | None = None,
    nnz: int | None = None,
) -> ItemCodes:
    """Loads codes from a model directory, a SciPy `.npz`, or the `.zip` of an ELSA model that compresso-recsys saved.

    Args:
        path: The directory or the file.
        item_ids: Ids of the rows of a `.npz`: a file of ids; row numbers where None.
        history_codes: What items of a `.npz` bring to a history: see `ItemCodes.from_npz`.
        rows: Of a `.npz` of items × items: see `codes_over_items`.
        nnz: The same.
    """
    if (rows, nnz) != (None, None):
        if Path(path).suffix != ".npz" or str(history_codes) != "items":
            raise UsageError("rows and nnz are for a .npz of items x items, with history codes items.")
        codes = ItemCodes.from_npz(path, item_ids, "items")
        return replace(codes_over_items(codes.weights, codes.ids, rows=rows or "targets", nnz=nnz), origin=codes.origin)
    if Path(path).suffix == ".npz":
        return ItemCodes.from_npz(path, item_ids, history_codes or "same")
    if item_ids is not None:
        raise UsageError("item ids are for .npz files; a model directory has its own.")
    if history_codes is not None:
        raise UsageError("history codes are for .npz files; a model says itself what its items bring to a history.")
    if not Path(path).exists():
        raise DataError(f"{path} does not exist; a model directory, or a .npz or .zip file of codes is needed.")
    if Path(path).suffix == ".zip":
        return read_compresso(Path(path))
    return ItemCodes.load(path)
