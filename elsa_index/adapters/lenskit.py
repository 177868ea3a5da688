"""A scorer for pipelines of LensKit: https://lkpy.lenskit.org."""

from typing import Any

import numpy as np
from pydantic import BaseModel

from ..extras import require
from ..recommender import Recommender
from ..training.config import TrainingConfig
from ..training.slim.config import SlimConfig

require("The adapter for LensKit", "lenskit")

from lenskit.data import ItemList, RecQuery  # noqa: E402  # what is missing is told in one sentence first
from lenskit.pipeline import Component  # noqa: E402
from lenskit.training import Trainable, TrainingOptions  # noqa: E402


class ElsaScorerConfig(BaseModel, extra="forbid"):
    """How an `ElsaScorer` is trained, and the engine of its index."""

    training: SlimConfig | TrainingConfig = SlimConfig()
    engine: str = "exact"


class ElsaScorer(Component[ItemList], Trainable):  # type: ignore[misc]  # LensKit need not be there for mypy
    """Codes over items, or Compressed ELSA, as a scorer of LensKit's pipelines, `topn_pipeline(ElsaScorer())`: it takes
    a user's items from the query, and scores whatever items it is given."""

    config: ElsaScorerConfig
    recommender: Recommender

    def is_trained(self) -> bool:
        return hasattr(self, "recommender")

    def train(self, data: Any, options: Any = None) -> None:
        """Trains on the data's interactions; nothing is trained again unless `options` say so."""
        options = options or TrainingOptions()
        if self.is_trained() and not options.retrain:
            return
        log = data.interaction_table(format="arrow", original_ids=True).select(["user_id", "item_id"])
        self.recommender = Recommender(self.config.training, engine=self.config.engine).fit(log)

    def __call__(self, query: Any, items: Any) -> Any:
        """Items with their scores: NaN for those that the training did not have, for all if it has none of a user's."""
        history = RecQuery.create(query).query_items
        scores = np.full(len(items), np.nan)
        if history is not None and len(history) and len(items):
            names = [str(item) for item in items.ids().tolist()]
            place = {name: at for at, name in enumerate(names)}
            found = self.recommender.recommend(
                k=len(names), histories=[[str(item) for item in history.ids().tolist()]], only=names, keep_seen=True
            )
            for name, score in found.select("item_id", "score").iter_rows():
                scores[place[str(name)]] = score
        return ItemList(items, scores=scores)
