"""fold_in: codes of items that came after a training, from the interactions they have so far."""

from typing import TYPE_CHECKING

from ..codes.item_codes import ItemCodes
from ..data.interactions import Interactions
from ..data.logs import as_interactions
from ..errors import refuse_kind
from ..extras import require
from .folded_in import FoldedIn, refuse_own_history_codes

if TYPE_CHECKING:
    from .slim.fit import OnStage


def fold_in(codes: ItemCodes, log: Interactions | object, on_stage: "OnStage | None" = None) -> FoldedIn:
    """Gives codes to the items of a log that a model does not have, and leaves those of the others alone.

    Codes over items: a new item's code is the same ridge regression as in training, on its nearest items, with the
    training's λ; weights are kept that are worth as much as the least one that the training kept. The codes of old
    items that then keep a new one among their neighbours are fitted anew in the same way.

    Compressed ELSA, and other codes whose items bring to a history what they are scored by: of all codes of an item's
    budget, a new item's has the largest cosines with its users' histories, taken together. Its norm is such that new
    items score for those who have them what old ones do, on average. Nothing else changes.

    Args:
        codes: What `train` made, or codes of another model whose items bring their code to a history.
        log: The log so far, of new items and old ones. For codes over items with users that have no new item too: what
            those have instead is what a regression learns from.
        on_stage: Called while it works; see `train`.

    Raises:
        UsageError: For codes over items of another model, of a training that did not say what its weights were worth,
            and for codes whose items bring codes of their own to a history.
        DataError: Where every item of the log has a code.

    >>> import elsa_index as ei, polars as pl
    >>> users = pl.Series([f"u{at}" for at in range(40) for _ in range(3)])
    >>> pairs = pl.Series([f"i{(at + step) % 8}" for at in range(40) for step in range(3)])
    >>> before = ei.Interactions.from_pairs(users.filter(pairs != "i7"), pairs.filter(pairs != "i7"))
    >>> codes = ei.train(before, ei.SlimConfig(nnz=2, neighbours=4, regularisation=5))
    >>> found = fold_in(codes, ei.Interactions.from_pairs(users, pairs))
    >>> [found.codes.ids[row] for row in found.added], bool(len(found.improved))
    (['i7'], True)
    """
    refuse_kind("codes", codes, ItemCodes, "load_codes reads them from a path, and train returns them.")
    log = as_interactions(log)
    refuse_own_history_codes(codes)
    if codes.history_kind == "same":
        from .elsa.fold_in import fold_in_by_histories

        return fold_in_by_histories(codes, log)
    require("Folding into codes over items", "numba")
    from .slim.fold_in import fold_in_by_regression

    return fold_in_by_regression(codes, log, on_stage)
