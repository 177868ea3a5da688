"""New items that nobody has yet, with the codes of their nearest by metadata: by how much of their norm.

Command: make demo && python -m benchmarks.by_metadata (five minutes)

As `fold_in_quality`, but that new items are known by title, year and genres alone. SHARE is what was chosen from this.
"""

from pathlib import Path
from unittest import mock

import numpy as np

import elsa_index as ei
from elsa_index.changes import by_metadata
from elsa_index.data.metadata import Metadata
from elsa_index.fold_in_evaluation import Case, ndcg_of

from .fold_in import CUTS, MODELS, RATINGS
from .records import update

FILMS = Path("demo-output/films.csv")
SHARES = (0.0, 0.25, 0.5, 1.0)


def main() -> None:
    log = ei.read_interactions(RATINGS, value_column="rating", min_value=4, time_column="timestamp")
    films = ei.read_metadata(FILMS)
    for model, config in MODELS.items():
        for cut, end in CUTS:
            case = Case.of(log, cut, end)
            codes = ei.train(case.before, config)
            new = [name for name in case.so_far.items if name not in codes.ids]
            ids = ei.IdMap([*codes.ids, *new])
            metadata = Metadata.of(films, ids)
            for share in SHARES:
                with mock.patch.object(by_metadata, "SHARE", share):
                    made = by_metadata.with_codes_by_metadata(codes, new, metadata, ids) if share else codes
                figures = {
                    what: float(np.mean(ndcg_of(made, users)))
                    for what, users in (("new", case.of_new), ("all", case.of_all))
                }
                row = {"model": model, "cut": cut, "end": end, "share": share, "new_items": len(new)} | figures
                print(row)
                update("by_metadata", row, ["model", "cut", "share"])


if __name__ == "__main__":
    main()
