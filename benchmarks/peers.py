"""Training from log to codes, each program in a process of its own and in turns: seconds, peak memory, accuracy.

Command: python -m benchmarks.peers SPLIT_DIR [--rounds 1] (half an hour; needs the packages of the extra `bench`)

The same dimensions, nonzeros, batches, sampled outputs, learning rate and epochs for all programs of ELSA: 1,024
dimensions, levels 1024, 512, … 16, two epochs each and two at 16. The straightforward version (dense float32 products
with masks) is run for three steps only, for its memory and its time per step. Codes over items choose λ in their time;
SANSA and ALS are given what `benchmarks/accuracy.py` chose for them, and their models stay in memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix

import elsa_index as ei
from benchmarks import others
from benchmarks.ranking import Held, Scorer, by_codes, metrics_of
from benchmarks.records import update
from benchmarks.straightforward import SparseAutoencoder, nadam, step
from elsa_index.training.elsa.batches import batches
from elsa_index.training.elsa.weights import Weights

DIMS, NNZ, EPOCHS, BATCH, OUTPUTS, RATE = 1024, 16, 2, 1024, 20_000, 0.1
SANSA_L2, ALS = 400.0, {"alpha": 16.0, "regularisation": 1.0}
Trained = Callable[[], Scorer]
"""What makes the scorer of a program's model, once its time and memory were taken."""


def ours(config: ei.TrainingConfig | ei.SlimConfig, split: ei.Split, out: Path) -> Trained:
    codes = ei.train(split.train, config)
    codes.save(out)
    return lambda: by_codes(codes)


def sansa(split: ei.Split, out: Path) -> Trained:
    pair = others.sansa(split.train.matrix, nnz=NNZ, l2=SANSA_L2)
    return lambda: others.by_pair(*pair)


def als(split: ei.Split, out: Path) -> Trained:
    scorer = others.als(split.train.matrix, factors=256, seed=42, **ALS)
    return lambda: scorer


def compresso_recsys(split: ei.Split, out: Path) -> Trained:
    from compresso_recsys.models.elsa import ELSACompressionConfig, ELSAConfig, ELSATrainer

    levels = tuple(DIMS // 2**level for level in range(int(np.log2(DIMS // NNZ)) + 1))
    compression = ELSACompressionConfig(k_target=NNZ, k_schedule=levels, max_epochs_per_stage=EPOCHS)
    config = ELSAConfig(
        latent_dim=DIMS, batch_size=BATCH, max_output=OUTPUTS, epochs=EPOCHS, lr=RATE, compression=compression,
        show_progress=False, seed=42,
    )  # fmt: skip
    model = ELSATrainer(config)
    model.fit(csr_matrix(split.train.matrix), item_ids=list(split.train.items))
    model.save(out.with_suffix(".zip"))
    return lambda: by_codes(ei.load_codes(out.with_suffix(".zip")))


def straightforward(split: ei.Split, out: Path, steps: int = 3) -> list[float]:
    """Seconds of each step."""
    matrix, device = split.train.matrix, torch.device("cpu")
    model = SparseAutoencoder(Weights(matrix.shape[1], DIMS, 42, device).values.clone())
    optimizer = nadam(model, RATE)
    seconds = []
    for _, batch in zip(range(steps), batches(matrix, ei.TrainingConfig.paper(dims=DIMS), 1, device), strict=False):
        started = time.perf_counter()
        step(model, optimizer, batch)
        seconds.append(time.perf_counter() - started)
    return seconds


PROGRAMS: dict[str, Callable[[ei.Split, Path], Trained | list[float]]] = {
    "elsa-index": partial(ours, ei.TrainingConfig(dims=DIMS, nnz=NNZ, epochs=EPOCHS, batch_size=BATCH)),
    "elsa-index --paper": partial(ours, ei.TrainingConfig.paper(dims=DIMS, nnz=NNZ, epochs=EPOCHS)),
    "elsa-index --model slim": partial(ours, ei.SlimConfig(nnz=NNZ, non_negative=True)),
    "compresso-recsys": compresso_recsys,
    "sansa": sansa,
    "implicit ALS 256": als,
    "straightforward": straightforward,
}


def child(name: str, split: Path, out: Path) -> None:
    """Runs one program; prints its seconds (from the log in memory to the codes on disk), its peak memory, and its
    model's accuracy, measured afterwards."""
    log = ei.Split.load(split)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    done = PROGRAMS[name](log, out)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    row: dict[str, Any] = {"seconds": seconds, "peak_bytes": 1024 * peak, "bytes_before": 1024 * before}
    row |= {"seconds_a_step": done} if isinstance(done, list) else {"metrics": metrics_of(Held.of(log), done())}
    print(json.dumps(row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("split", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", default=",".join(PROGRAMS))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child, given.split, given.out)
        return
    for round_number in range(given.rounds):
        for name in given.only.split(","):
            with tempfile.TemporaryDirectory() as directory:
                out = Path(directory) / "model"
                arguments = [str(given.split), "--child", name, "--out", str(out)]
                command = [sys.executable, "-m", "benchmarks.peers", *arguments]
                printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                row: dict[str, Any] = {"program": name, "round": round_number} | json.loads(printed.splitlines()[-1])
            update("peers", row, ("program", "round"))
            print(row, flush=True)


if __name__ == "__main__":
    main()
