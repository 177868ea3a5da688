"""elsa-index diff"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from . import options

EXAMPLE = "Example: elsa-index diff model-of-monday model-of-tuesday"
_UP_TO = (0.01, 0.1, 0.5)
_SHOWN = 5


def diff(
    before: Annotated[Path, typer.Argument(help="The first model directory (or a .npz or .zip of codes).")],
    after: Annotated[Path, typer.Argument(help="The next one.")],
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Say which items came and went between two models, and by how much codes changed."""
    import numpy as np

    import elsa_index as ei
    from elsa_index.codes.difference import compare_codes
    from elsa_index.errors import name_some

    one, other = ei.load_codes(before), ei.load_codes(after)
    found = compare_codes(one, other)
    change = np.maximum(found.code_change, found.history_change)
    limits = [0.0, *_UP_TO, np.inf]
    counts = [int(np.count_nonzero(change == 0))]
    counts += [int(np.count_nonzero((change > low) & (change <= high))) for low, high in pairwise(limits)]
    names = ["the same", *(f"changed by up to {share:.0%}" for share in _UP_TO), "changed by more"]
    most = np.argsort(-change, kind="stable")[:_SHOWN]
    about: dict[str, Any] = {"before": len(one.ids), "after": len(other.ids)}
    about |= {"added": len(found.added), "removed": len(found.removed), "kept": len(found.kept)}
    about["changes"] = dict(zip(names, counts, strict=True))
    about["most_changed"] = [
        {"item_id": other.ids[int(found.kept[at])], "change": float(change[at])} for at in most if change[at] > 0
    ]
    if json:
        options.print_json(about)
        return
    kept = max(len(found.kept), 1)
    rows = [[name, f"{count:,}", f"{count / kept:.1%}"] for name, count in about["changes"].items()]
    size = options.counted(len(one.ids), "item", "items")
    came, went = (f"{len(part):,}{f': {name_some(part)}' if part else ''}" for part in (found.added, found.removed))
    print(f"{size} before, {len(other.ids):,} after; added {came}; removed {went}")
    options.table("codes of the items that both have", ["code", "items", "share"], rows)
    if about["most_changed"]:
        shown = ", ".join(f"{part['item_id']} {part['change']:.2f}" for part in about["most_changed"])
        print(f"changed most (difference over the larger norm): {shown}")
