"""The chart of accuracy against bytes per item, from benchmarks/results/accuracy.json.

Command: python -m benchmarks.tradeoff (writes benchmarks/results/tradeoff.svg)
"""

import re
from typing import Any

import matplotlib as mpl

from benchmarks.records import RESULTS, disk, read

LOGS = {"gowalla": "Gowalla, 3,000 held-out users", "movielens": "MovieLens (100 thousand ratings), 150 held-out users"}
POPULARITY = 0.2
SERIES: list[tuple[str, str, float, str]] = [
    ("elsa-index, default", r"default-\d+", POPULARITY, "C3"),
    ("Compressed ELSA, the paper", r"paper-\d+", 0, "C0"),
    ("dense ELSA", r"dense-\d+", 0, "C7"),
    ("dense ELSA × popularity", r"dense-\d+", POPULARITY, "C8"),
    ("EASE, pruned", r"ease-pruned-\d+", 0, "C2"),
    ("dense ELSA + sparse autoencoder", r"autoencoder-\d+", 0, "C4"),
    ("dense ELSA, pruned after training", r"pruned-\d+", 0, "C5"),
]
"""Name, models, popularity, colour."""


def mean(rows: list[dict[str, Any]], key: str = "ndcg@100") -> float:
    """Over seeds."""
    return sum(row["metrics"][key]["mean"] for row in rows) / len(rows)


def by_model(log: str, pattern: str, popularity: float) -> dict[str, list[dict[str, Any]]]:
    """Rows of all seeds, by model, smallest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(read("accuracy"), key=lambda row: (row["bytes"], row["seed"])):
        if row["log"] == log and row["popularity"] == popularity and re.fullmatch(pattern, row["model"]):
            found.setdefault(row["model"], []).append(row)
    return found


def main() -> None:
    mpl.use("svg")
    import matplotlib.pyplot as plt

    mpl.rcParams |= {"svg.hashsalt": "elsa-index", "svg.fonttype": "none", "font.size": 9}
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axis, (log, title) in zip(axes, LOGS.items(), strict=True):
        for name, pattern, popularity, colour in SERIES:
            groups = list(by_model(log, pattern, popularity).values())
            if not groups:
                continue
            axis.plot([g[0]["bytes"] for g in groups], [mean(g) for g in groups], "o-", color=colour, ms=4, label=name)
            if pattern.startswith("default"):
                axis.plot(
                    [disk(g[0]) for g in groups], [mean(g) for g in groups], "s--", color=colour, ms=3, lw=1,
                    label=f"{name}, as on disk in Lucene",
                )  # fmt: skip
        for model, label in (("ease", "EASE"), ("item-knn", "item KNN"), ("most-popular", "most popular")):
            for group in by_model(log, model, 0).values():
                axis.axhline(mean(group), color="0.7", lw=0.8, zorder=0)
                axis.text(axis.get_xlim()[1], mean(group), f" {label}", va="bottom", ha="right", color="0.4")
        axis.set(
            xscale="log", title=title, xlabel="bytes per item (4 per dense weight, 8 per nonzero)", ylabel="nDCG@100"
        )
        axis.set_ylim(bottom=0)
    axes[1].legend(fontsize=8, loc="lower right")
    figure.savefig(RESULTS / "tradeoff.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
