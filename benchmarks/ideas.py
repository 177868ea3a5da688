"""Ideas for better codes of the same bytes: one line for each, also for those that failed.

Command: python -m benchmarks.ideas LOG_NAME SPLIT_DIR [--only REGEX] [--seeds 42]
    Gowalla: a development split, `elsa-index split gowalla-split/train.parquet -o gowalla-dev --users 3000 --seed 1`,
    so that nothing is chosen by the users that the README's figures are of. About three minutes per idea.
    MovieLens: the demo's split, seeds 42,43,44,45,46; seconds per idea.

All with 1,024 dimensions and 16 nonzeros per item on average, exponential schedule, one epoch per level on Gowalla and
two on MovieLens. Results go to benchmarks/results/ideas.json; a row that is there is made anew.
"""

import argparse
import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import torch

import elsa_index as ei
from benchmarks.ranking import Held, by_codes, metrics_of
from benchmarks.records import update
from elsa_index.training.elsa import budgets, nadam, run
from elsa_index.training.elsa.batches import Batch
from elsa_index.training.elsa.loss import loss_and_gradient
from elsa_index.training.elsa.products import DenseProducts, SparseProducts, Transpose
from elsa_index.training.elsa.weights import Weights

EPOCHS = {"gowalla": 1, "movielens": 2}


class Growing(Weights):
    """Pruned weights may grow back: all weights are kept and get gradients, as if the mask were not there; codes are
    made of the largest. At a new mask everything goes on from where it is."""

    mask: torch.Tensor | None = None

    def normalize(self, rows: slice = slice(None)) -> None:
        self.inverse_norms[rows] = self._masked(rows).norm(dim=1, keepdim=True).clamp_min_(1e-12).reciprocal_()

    def codes_of(self, rows: Any = slice(None)) -> torch.Tensor:
        return self._masked(rows) * self.inverse_norms[rows]

    def prune(self, budgets: Any, *, restart: bool) -> None:
        self.mask = torch.zeros_like(self.values, dtype=torch.bool)
        self.mask.scatter_(1, self.values.abs().topk(budgets, dim=1).indices, True)
        self.new_optimizer()
        self.normalize()

    def _masked(self, rows: Any) -> torch.Tensor:
        return self.values[rows] if self.mask is None else self.values[rows] * self.mask[rows]


class ByCurvature(Weights):
    """Keeps what the loss would miss most by its second order: |weight| times the root of the mean squared gradient."""

    def prune(self, budgets: Any, *, restart: bool) -> None:
        self.squared_gradients = self.second
        super().prune(budgets, restart=restart)
        del self.squared_gradients

    def importance(self, rows: slice) -> torch.Tensor:
        return self.values[rows].abs() * self.squared_gradients[rows].sqrt()


class ByRootOfCurvature(ByCurvature):
    """The same, half as strongly: times the fourth root."""

    def importance(self, rows: slice) -> torch.Tensor:
        return self.values[rows].abs() * self.squared_gradients[rows].pow(0.25)


class OverAll(Weights):
    """Chooses nonzeros over all items, so that those get more that gain more: what the loss would miss most by its
    second order, with a floor and a ceiling for every item."""

    share = (0.25, 4.0)

    def prune(self, budgets: Any, *, restart: bool) -> None:
        mean = float(torch.as_tensor(budgets).float().mean())
        least, most = max(1, int(self.share[0] * mean)), min(self.kept, int(self.share[1] * mean))
        missed = (self.codes_of().abs() * self.second.sqrt()).topk(most, dim=1).values[:, least:]
        others = int((mean - least) * self.items)
        own = torch.full((self.items,), most)
        if others < missed.numel():
            threshold = missed.flatten().kthvalue(missed.numel() - others).values
            own = least + (missed > threshold).sum(dim=1)
        super().prune(own, restart=restart)


def step_without_half(
    weights: Weights, batch: Batch, transpose: Transpose | None, dtype: torch.dtype, learning_rate: float
) -> torch.Tensor:
    """A step of training in which half of each history is left out of the input, and only that half is learnt from."""
    outputs = torch.from_numpy(batch.outputs)
    products = SparseProducts(weights, outputs, transpose) if transpose else DenseProducts(weights, outputs, dtype)
    given, hidden = _halves(batch, torch.Generator().manual_seed(weights.steps))
    latent = products.latent(given)
    scores = products.scores(latent)
    scores[given.users, given.positions] = 0  # neither wanted nor unwanted
    scores[hidden.users, hidden.positions] += 1  # which the loss takes away, as from what is in the input
    loss = loss_and_gradient(scores, hidden)
    nadam.update(weights, batch.outputs, products.gradient(scores, latent, given), learning_rate)
    return loss


def _halves(batch: Batch, generator: torch.Generator) -> tuple[Batch, Batch]:
    """At random; of two items or more at least one goes to each side, a single one is given."""
    drawn = torch.rand(len(batch.users), generator=generator)
    of_user = torch.zeros(len(batch.sizes))
    highest = of_user.scatter_reduce(0, batch.users, drawn, "amax")[batch.users] == drawn
    lowest = of_user.scatter_reduce(0, batch.users, drawn, "amin", include_self=False)[batch.users] == drawn
    is_given = highest | ((drawn >= 0.5) & ~lowest)
    return _part(batch, is_given), _part(batch, ~is_given)


def _part(batch: Batch, kept: torch.Tensor) -> Batch:
    users, positions = batch.users[kept], batch.positions[kept]
    sizes = torch.bincount(users, minlength=len(batch.sizes))
    by_item = torch.bincount(positions, minlength=len(batch.outputs))
    begins = [torch.cat([counts.new_zeros(1), counts.cumsum(0)[:-1]]) for counts in (sizes, by_item)]
    in_order = users[positions.argsort(stable=True)]
    ones = torch.ones(len(users))
    return Batch(
        batch.outputs, users, positions, ones, batch.shares, begins[0], sizes.clamp_min(1).float(), in_order, ones,
        begins[1], is_weighted=False,
    )  # fmt: skip


LOG = {"budgets": "log", "final_decay": True}
STEPS = LOG | {"batch_size": None}


@dataclass(frozen=True)
class Idea:
    """changes: of the paper's configuration. patch: what is put in place of a part of training. times: the epochs."""

    changes: dict[str, Any]
    patch: tuple[Any, str, Any] | None = None
    times: int = 1


DEFAULT = STEPS | {"popularity": 0.2}
IDEAS: dict[str, Idea] = {
    "the paper": Idea({}),
    "learning rate falls over the last mask": Idea({"final_decay": True}),
    "budgets by log interactions": Idea({"budgets": "log"}),
    "both": Idea(LOG),
    "both, budgets from 0.25 to 4 times the mean": Idea(LOG, (budgets, "SPREAD", (0.25, 4.0))),
    "both, smaller batches": Idea(STEPS),
    "both, smaller batches, popularity 0.2: the default": Idea(DEFAULT),
    "the paper, popularity 0.2": Idea({"popularity": 0.2}),
    "the default, popularity 0.3, history popularity -0.125": Idea(
        STEPS | {"popularity": 0.3, "history_popularity": -0.125}
    ),
    "the default, twice the epochs": Idea(DEFAULT, times=2),
    "the default, half of each history left out of the input": Idea(DEFAULT, (run, "train_step", step_without_half)),
    "the default, half left out, twice the epochs": Idea(DEFAULT, (run, "train_step", step_without_half), times=2),
    "the default, nonzeros chosen over all items": Idea(DEFAULT, (run, "Weights", OverAll)),
    "the default, 4,096 dimensions": Idea(DEFAULT | {"dims": 4096}),
    "learning rate falls, three dense epochs first": Idea({"final_decay": True, "dense_epochs": 3}),
    "learning rate falls, no restarts": Idea({"final_decay": True, "restart": False}),
    "learning rate falls, pruned weights may grow back": Idea({"final_decay": True}, (run, "Weights", Growing)),
    "learning rate falls, score: magnitude × root of squared gradients": Idea(
        {"final_decay": True}, (run, "Weights", ByCurvature)
    ),
    "learning rate falls, score: magnitude × fourth root of squared gradients": Idea(
        {"final_decay": True}, (run, "Weights", ByRootOfCurvature)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", choices=sorted(EPOCHS))
    parser.add_argument("split", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--seeds", default="42")
    given = parser.parse_args()
    split = ei.Split.load(given.split)
    held = Held.of(split)
    small = {} if given.log == "gowalla" else {"batch_size": 128}
    for name, idea in IDEAS.items():
        if not re.search(given.only, name):
            continue
        for seed in map(int, given.seeds.split(",")):
            epochs = idea.times * EPOCHS[given.log]
            values = {"dims": 1024, "nnz": 16, "epochs": epochs, "seed": seed} | small | idea.changes
            with mock.patch.object(*idea.patch) if idea.patch else nullcontext():
                codes = ei.train(split.train, ei.TrainingConfig.paper(**values))
            metrics = metrics_of(held, by_codes(codes))
            row = {
                "log": given.log, "idea": name, "seed": seed, "config": values, "metrics": metrics,
                "seconds": codes.origin["seconds"], "nonzeros": codes.weights.nnz / len(codes.ids),
            }  # fmt: skip
            update("ideas", row, ("log", "idea", "seed"))
            print(given.log, name, seed, f"nDCG@100 {metrics['ndcg@100']['mean']:.4f}", row["seconds"], "s", flush=True)


if __name__ == "__main__":
    main()
