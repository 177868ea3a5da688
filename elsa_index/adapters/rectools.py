"""A model for RecTools: https://github.com/MobileTeleSystems/RecTools."""

from typing import Any

import numpy as np

from ..extras import require
from ..recommender import Recommender
from ..training.config import TrainingConfig
from ..training.slim.config import SlimConfig

require("The adapter for RecTools", "rectools")

from rectools.models.base import ModelBase  # noqa: E402  # what is missing is told in one sentence first


class ElsaModel(ModelBase):  # type: ignore[misc]  # RecTools need not be there where types are checked
    """Codes over items, or Compressed ELSA, as a model of RecTools: in cross-validation, metrics and selection.

    Attributes:
        recommender: What was fitted.
    """

    recommends_for_warm = False
    recommends_for_cold = False

    def __init__(self, config: TrainingConfig | SlimConfig | None = None, engine: str = "exact", verbose: int = 0):
        """
        Args:
            config: How to train; see `Recommender`.
            engine: Of the index.
            verbose: Of RecTools.
        """
        super().__init__(verbose=verbose)
        self.recommender = Recommender(config, engine=engine)

    def _fit(self, dataset: Any) -> None:
        self.recommender.fit(dataset.get_user_item_matrix(include_weights=False))

    def _fit_partial(self, dataset: Any) -> None:
        self.recommender.partial_fit(dataset.get_user_item_matrix(include_weights=False))

    def _recommend_u2i(
        self, user_ids: Any, dataset: Any, k: int, filter_viewed: bool, sorted_item_ids_to_recommend: Any
    ) -> tuple[Any, Any, Any]:
        """Users may have other items than when the model was fitted: they are asked by what they have now."""
        rows = dataset.get_user_item_matrix(include_weights=False)[user_ids]
        histories = np.split(rows.indices, rows.indptr[1:-1])
        found = self.recommender.recommend(
            user_ids, k, histories=histories, keep_seen=not filter_viewed, only=sorted_item_ids_to_recommend
        )
        return _triplet(found, "user_id", "item_id")

    def _recommend_i2i(
        self, target_ids: Any, dataset: Any, k: int, sorted_item_ids_to_recommend: Any
    ) -> tuple[Any, Any, Any]:
        found = self.recommender.similar(target_ids, k, only=sorted_item_ids_to_recommend, keep_seen=True)
        return _triplet(found, "item_id", "similar")


def _triplet(found: Any, of: str, items: str) -> tuple[Any, Any, Any]:
    """Numbers of users or items, of items for them, and scores."""
    return found[of].cast(int).to_numpy(), found[items].cast(int).to_numpy(), found["score"].to_numpy()
