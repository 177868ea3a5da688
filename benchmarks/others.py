"""Models that other packages train, tuned on users kept from the training matrix: ALS of `implicit`, `sansa`.

No part of the product. `implicit` comes with the extra `bench`. `sansa` must be installed besides, as what it stands on
is built here, with SuiteSparse's headers (on Debian 12: `apt install libsuitesparse-dev`, `pip install sansa
"scikit-sparse<0.5"`; from SuiteSparse 7 on any scikit-sparse).
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, csr_matrix

from benchmarks.ranking import Held, Scorer, metrics_of
from elsa_index.processors import usable_processors
from elsa_index.training.held_out import hold_out

Choice = dict[str, float]
ALS_START = {"alpha": 4.0, "regularisation": 4.0}
SANSA_START = {"l2": 100.0}
_STEP = 4.0
_DENSE_GRAMIAN = 0.05
"""Items that occur together, as a share of all pairs, above which sansa's own advice is to factorise exactly."""


def best_for_validation(
    matrix: csr_array, seed: int, start: Choice, fit: Callable[..., Scorer]
) -> tuple[Choice, list[Choice]]:
    """The choice with the best nDCG@100 for a tenth of the users, at most 2,000, who are kept from training; and what
    all that were tried had. From `start` each number is multiplied or divided by 4, as long as that gains.
    """
    rest, held = hold_out(matrix, min(2000, matrix.shape[0] // 10), seed)
    validation = Held(np.arange(held.histories.shape[0]), held.histories, held.hidden)
    found: dict[tuple[float, ...], float] = {}

    def value(choice: Choice) -> float:
        key = tuple(choice.values())
        if key not in found:
            found[key] = metrics_of(validation, fit(rest, seed=seed, **choice))["ndcg@100"]["mean"]
        return found[key]

    best, moves = start, [(name, factor) for name in start for factor in (_STEP, 1 / _STEP)]
    while value(moved := max((best | {name: best[name] * factor} for name, factor in moves), key=value)) > value(best):
        best = moved
    return best, [dict(zip(start, key, strict=True)) | {"ndcg@100": ndcg} for key, ndcg in found.items()]


def als(matrix: csr_array, *, factors: int, alpha: float, regularisation: float, seed: int) -> Scorer:
    """Alternating least squares for implicit feedback (Hu, Koren and Volinsky, ICDM 2008), 15 iterations, by the
    package implicit. A history's factors are solved for, as for a new user."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):  # as implicit advises: it has threads of its own
        model = AlternatingLeastSquares(
            factors=factors, alpha=alpha, regularization=regularisation, iterations=15, random_state=seed,
            num_threads=usable_processors(),
        )  # fmt: skip
        model.fit(csr_matrix(matrix, dtype=np.float32), show_progress=False)
    items = torch.from_numpy(np.asarray(model.item_factors))

    def scorer(histories: csr_array) -> torch.Tensor:
        rows = csr_matrix(histories, dtype=np.float32)
        with threadpool_limits(1, "blas"):
            users = model.recalculate_user(np.arange(rows.shape[0]), rows)
        return torch.from_numpy(np.asarray(users)) @ items.T

    return scorer


def sansa(matrix: csr_array, *, nnz: int, l2: float) -> tuple[csr_matrix, csr_matrix]:
    """Encoder and decoder of SANSA (Spišák et al., RecSys 2023), (items, items) CSR, with `nnz` nonzeros per item in
    both together, by `sansa`."""
    from sansa import (
        SANSA,
        CHOLMODGramianFactorizerConfig,
        ICFGramianFactorizerConfig,
        SANSAConfig,
        UMRUnitLowerTriangleInverterConfig,
    )

    logging.getLogger("sansa").setLevel(logging.ERROR)
    items = matrix.shape[1]
    gramian = (matrix.T @ matrix).nnz / items**2
    factorizer: Any = CHOLMODGramianFactorizerConfig if gramian > _DENSE_GRAMIAN else ICFGramianFactorizerConfig
    config = SANSAConfig(
        l2=l2,
        weight_matrix_density=nnz / 2 / items,
        gramian_factorizer_config=factorizer(),
        lower_triangle_inverter_config=UMRUnitLowerTriangleInverterConfig(scans=1, finetune_steps=10),
    )
    model = SANSA(config).fit(csr_matrix(matrix, dtype=np.float32))
    encoder, decoder = model.weights
    return encoder, decoder


def by_pair(encoder: csr_matrix, decoder: csr_matrix) -> Scorer:
    """Scores x E D of a linear model with two matrices."""
    return lambda histories: torch.from_numpy(((histories @ encoder) @ decoder).toarray())
