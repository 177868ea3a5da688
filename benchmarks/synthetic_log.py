"""A log of any size with a long tail and tastes: what the growth of training is measured on.

Command: python -m benchmarks.synthetic_log -o LOG.npz --items 1000000 [--users 2000000 --interactions 50000000]
    (two minutes for these)

Items belong to topics of 500. A user has one to four topics; how many items is log-normal (sigma 1). Four of five
interactions are with an item of one of the user's topics, the others with any item; in both, an item's share falls with
its rank r as 1 / (r + 10) in its topic and 1 / (r + 100)^0.9 among all. An item that is drawn twice by a user counts
once; so that about as many interactions are left as were asked for, a tenth more are drawn.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, save_npz

TOPIC, IN_TOPIC, DRAWN_TWICE = 500, 0.8, 1.1
_USERS = 50_000


def synthetic_log(items: int, users: int, interactions: int, seed: int = 42) -> csr_array:
    """(users, items) CSR of ones."""
    rng = np.random.default_rng(seed)
    topics = max(1, items // TOPIC)
    everywhere = np.cumsum((np.arange(items) + 100.0) ** -0.9)
    within = np.cumsum(1 / (np.arange(TOPIC) + 10.0))
    named = rng.permutation(items)  # an item's place in the log says nothing of its popularity
    topic_share = np.cumsum(rng.pareto(1.2, topics) + 0.1)
    indptr, indices = [np.zeros(1, dtype=np.int64)], []
    mean = DRAWN_TWICE * interactions / users
    for first in range(0, users, _USERS):
        count = min(_USERS, users - first)
        sizes = np.clip(rng.lognormal(np.log(mean) - 0.5, 1.0, count), 2, items // 2).astype(np.int64)
        own = np.searchsorted(topic_share, rng.random((count, 4)) * topic_share[-1])
        rows = np.repeat(np.arange(count), sizes)
        chosen = own[rows, rng.integers(0, rng.integers(1, 5, count)[rows])]
        rank = np.searchsorted(within, rng.random(len(rows)) * within[-1])
        anywhere = np.searchsorted(everywhere, rng.random(len(rows)) * everywhere[-1])
        # Topics are dealt out like cards, so that each has popular items and rare ones.
        drawn = np.where(rng.random(len(rows)) < IN_TOPIC, np.minimum(rank * topics + chosen, items - 1), anywhere)
        pairs = np.unique(rows * items + named[drawn])
        indices.append((pairs % items).astype(np.int32))
        indptr.append(np.cumsum(np.bincount(pairs // items, minlength=count)))
    starts = np.concatenate([[0], np.cumsum([len(part) for part in indices])])
    ends = np.concatenate([indptr[0], *(part + start for part, start in zip(indptr[1:], starts, strict=False))])
    columns = np.concatenate(indices)
    return csr_array((np.ones(len(columns), dtype=np.float32), columns, ends), shape=(users, items))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, help="twice the items where not given")
    parser.add_argument("--interactions", type=int, help="50 per item where not given")
    parser.add_argument("--seed", type=int, default=42)
    given = parser.parse_args()
    users, interactions = given.users or 2 * given.items, given.interactions or 50 * given.items
    log = synthetic_log(given.items, users, interactions, given.seed)
    save_npz(given.out, log, compressed=False)
    counts = np.bincount(log.indices, minlength=given.items)
    middle, ninety_nine, most = np.percentile(counts, [50, 99, 100]).astype(int).tolist()
    print(
        f"{given.out}: {users:,} users, {given.items:,} items, {log.nnz:,} interactions; per item: median {middle:,}, "
        f"99th percentile {ninety_nine:,}, most {most:,}; none of {int((counts == 0).sum()):,} items"
    )


if __name__ == "__main__":
    main()
