"""Time of a training step at every size of mask: the product against the straightforward version, taking turns.

Command: python -m benchmarks.training_speed SPLIT_DIR (seed 42; ten minutes, and 16 GB of memory for 4,096 dimensions)

Both start from the same values and mask, and their losses are compared. An epoch's time is the median step's times the
number of steps; the schedule's is the sum over the epochs of the paper's exponential schedule, by interpolation between
the measured masks.
"""

import argparse
import json
import platform
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

import elsa_index as ei
from benchmarks.straightforward import SparseAutoencoder, nadam, step
from elsa_index.training.device import compute_dtype
from elsa_index.training.elsa.batches import batches, steps_per_epoch
from elsa_index.training.elsa.products import Transpose, use_sparse
from elsa_index.training.elsa.schedules import nonzeros_by_epoch
from elsa_index.training.elsa.step import train_step
from elsa_index.training.elsa.weights import Weights

CPU = torch.device("cpu")


def compare(split: ei.Split, dims: int, nonzeros: int, rounds: int) -> dict:
    """Seconds of each step and the losses of both, in turns, at one mask."""
    config = ei.TrainingConfig.paper(dims=dims, nnz=min(16, dims))
    matrix = split.train.matrix
    weights = Weights(matrix.shape[1], dims, config.seed, CPU)
    plain = SparseAutoencoder(weights.values.clone())
    if nonzeros < dims:
        weights.prune(nonzeros, restart=True)
        plain.prune(nonzeros)
    transpose = Transpose(weights) if use_sparse(nonzeros, dims) else None
    dtype = compute_dtype(config, CPU)
    optimizer = nadam(plain, config.learning_rate)
    drawn = batches(matrix, config, 1, CPU)
    seconds: dict[str, list[float]] = {"ours": [], "straightforward": []}
    losses: dict[str, list[float]] = {"ours": [], "straightforward": []}
    for _ in range(rounds + 1):
        batch = next(drawn)
        started = time.perf_counter()
        losses["ours"].append(float(train_step(weights, batch, transpose, dtype, config.learning_rate)))
        seconds["ours"].append(time.perf_counter() - started)
        started = time.perf_counter()
        losses["straightforward"].append(step(plain, optimizer, batch))
        seconds["straightforward"].append(time.perf_counter() - started)
    return {
        "dims": dims,
        "nonzeros": nonzeros,
        "losses": losses,
        "seconds": {name: times[1:] for name, times in seconds.items()},  # the first step warms up
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("split", type=Path)
    parser.add_argument("--dims", type=int, default=4096)
    parser.add_argument("--nonzeros", default="4096,1024,256,64,16")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("-o", "--out", type=Path, default=Path("benchmarks/results/training_speed.json"))
    given = parser.parse_args()
    split = ei.Split.load(given.split)
    config = ei.TrainingConfig.paper(dims=given.dims)
    steps = steps_per_epoch(split.train.matrix.shape[0], config)
    rows = []
    for nonzeros in map(int, given.nonzeros.split(",")):
        row = compare(split, given.dims, nonzeros, given.rounds)
        row["epoch"] = {name: steps * float(np.median(times)) for name, times in row["seconds"].items()}
        rows.append(row)
        print(
            nonzeros,
            {name: f"{value:.1f} s per epoch" for name, value in row["epoch"].items()},
            row["losses"],
            flush=True,
        )
    rows.sort(key=lambda row: row["nonzeros"])
    schedule = nonzeros_by_epoch(config)
    at = np.log([row["nonzeros"] for row in rows])
    totals = {
        name: float(np.interp(np.log(schedule), at, [row["epoch"][name] for row in rows]).sum())
        for name in ("ours", "straightforward")
    }
    print({name: f"{value:,.0f} s for {len(schedule)} epochs" for name, value in totals.items()})
    packages = {name: version(name) for name in ("numpy", "scipy", "torch")}
    machine = {
        "processor": platform.machine(), "python": platform.python_version(), "packages": packages,
        "threads": torch.get_num_threads(), "precision": str(compute_dtype(config, CPU)),
    }  # fmt: skip
    result = {"date": str(date.today()), "machine": machine, "rows": rows, "schedule_seconds": totals}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
