"""Tables of accuracy, for `benchmarks/tables.py`."""

import re
from collections.abc import Sequence
from typing import Any

from benchmarks.records import disk

Rows = list[dict[str, Any]]


def span(values: Sequence[float], digits: int = 4) -> str:
    """The mean of the seeds and, where there are several, the smallest and the largest."""
    mean = f"{sum(values) / len(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} ({min(values):.{digits}f} – {max(values):.{digits}f})"


def metric(rows: Rows, name: str) -> str:
    return span([row["metrics"][name]["mean"] for row in rows])


def which_table(rows: Rows) -> str:
    """Models and what serves them, in one line each."""
    lines = [
        "| model | engine | bytes per item on disk | nDCG@100 Gowalla | MovieLens | take it for |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for title, engine, model, popularity, purpose in WHICH:
        groups = [_of(rows, log, model, popularity) for log in ("gowalla", "movielens")]
        first = groups[0][0]
        stored = disk(first) if first["disk"] else first["bytes"]
        means = [sum(row["metrics"]["ndcg@100"]["mean"] for row in group) / len(group) for group in groups]
        lines.append(f"| {title} | {engine} | {stored:,.0f} | {means[0]:.3f} | {means[1]:.3f} | {purpose} |")
    return "\n".join(lines)


WHICH = [
    ("**codes over items**, 16 nonzeros", "`lucene`", "slim-16", 0,
     "accuracy per byte; queries of as many terms as a history has items; no GPU"),
    ("**Compressed ELSA**, 16 nonzeros: the default", "`lucene`; up to 50,000 items `exact`", "default-16", 0.2,
     "few dimensions that can be read and named as segments; queries that do not grow with the history"),
    ("dense ELSA, 2,048 dimensions", "`faiss-flat`", "dense-2048", 0.2, "the baseline to compare with"),
    ("EASE", "served when pruned", "ease", 0, "small catalogues: a weight for each pair of items"),
    ("ALS, 256 factors", "not served here", "als-256", 0, "small logs with long histories: **it wins on MovieLens**"),
]  # fmt: skip
"""Title, engine, model, popularity, what it is for."""


def accuracy_table(rows: Rows) -> str:
    """Gowalla, the rows that people ask for first."""
    return _headlines(rows, "gowalla", GOWALLA)


def movielens_table(rows: Rows) -> str:
    """The same of the demo's films."""
    return _headlines(rows, "movielens", MOVIELENS)


def _of(rows: Rows, log: str, model: str, popularity: float) -> Rows:
    """The seeds of one model."""
    group = [row for row in rows if (row["log"], row["model"], row["popularity"]) == (log, model, popularity)]
    if not group:
        raise SystemExit(f"accuracy.json has no row of {log}, {model}, popularity {popularity}")
    return group


def _headlines(rows: Rows, log: str, headlines: Sequence[tuple[str, str, float]]) -> str:
    lines = [
        "| model | bytes per item | on disk | Recall@20 | Recall@50 | nDCG@100 | seeds | training, s |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, model, popularity in headlines:
        group = _of(rows, log, model, popularity)
        stored = f"{disk(group[0]):,.0f}" if group[0]["disk"] else "–"
        metrics = " | ".join(metric(group, name) for name in ("recall@20", "recall@50", "ndcg@100"))
        seconds = min(row["seconds"] for row in group)
        lines.append(f"| {name} | {group[0]['bytes']:,.0f} | {stored} | {metrics} | {len(group)} | {seconds:,.0f} |")
    return "\n".join(lines)


GOWALLA = [
    ("**codes over items**, 64 nonzeros", "slim-64", 0),
    ("**codes over items**, 32 nonzeros", "slim-32", 0),
    ("**codes over items**, 16 nonzeros", "slim-16", 0),
    ("EASE, 40,981 × 40,981", "ease", 0),
    ("**codes over items**, 8 nonzeros", "slim-8", 0),
    ("dense ELSA, 2,048 dimensions, × popularity", "dense-2048", 0.2),
    ("dense ELSA, 2,048 dimensions", "dense-2048", 0),
    ("dense ELSA, 1,024 dimensions, × popularity", "dense-1024", 0.2),
    ("dense ELSA, 1,024 dimensions", "dense-1024", 0),
    ("elsa-index, 128 nonzeros", "default-128", 0.2),
    ("ALS of implicit, 256 factors", "als-256", 0),
    ("ALS of implicit, 128 factors", "als-128", 0),
    ("ALS of implicit, 64 factors", "als-64", 0),
    ("elsa-index, 64 nonzeros", "default-64", 0.2),
    ("elsa-index, 32 nonzeros", "default-32", 0.2),
    ("SANSA, 16 nonzeros", "sansa-16", 0),
    ("**elsa-index, 16 nonzeros**", "default-16", 0.2),
    ("elsa-index, 20 nonzeros, stored in 8 bits", "default-int8-20", 0.2),
    ("the paper, 16 nonzeros of 4,096 dimensions, × popularity", "paper-4096-16", 0.2),
    ("the paper, 16 nonzeros of 4,096 dimensions", "paper-4096-16", 0),
    ("elsa-index, 8 nonzeros", "default-8", 0.2),
    ("Compressed ELSA, the paper, 16 nonzeros, × popularity", "paper-16", 0.2),
    ("Compressed ELSA, the paper, 16 nonzeros", "paper-16", 0),
    ("dense ELSA, 32 dimensions", "dense-32", 0),
    ("dense ELSA + sparse autoencoder, 16 nonzeros, × popularity", "autoencoder-16", 0.2),
    ("dense ELSA + sparse autoencoder, 16 nonzeros", "autoencoder-16", 0),
    ("dense ELSA, the 16 largest after training", "pruned-16", 0),
    ("item KNN, 100 neighbours", "item-knn", 0),
    ("most popular", "most-popular", 0),
]
"""Row of the table, model, popularity."""

MOVIELENS = [
    ("ALS of implicit, 256 factors", "als-256", 0),
    ("ALS of implicit, 128 factors", "als-128", 0),
    ("ALS of implicit, 64 factors", "als-64", 0),
    ("ALS of implicit, 32 factors", "als-32", 0),
    ("EASE, 5,280 × 5,280", "ease", 0),
    ("**codes over items**, 64 nonzeros", "slim-64", 0),
    ("**codes over items**, 32 nonzeros", "slim-32", 0),
    ("**codes over items**, 16 nonzeros", "slim-16", 0),
    ("**codes over items**, 8 nonzeros", "slim-8", 0),
    ("SANSA, 64 nonzeros", "sansa-64", 0),
    ("EASE, 16 weights per item, the largest of all", "ease-pruned-over-all-16", 0),
    ("EASE, the 16 largest of each row", "ease-pruned-16", 0),
    ("SANSA, 16 nonzeros", "sansa-16", 0),
    ("**elsa-index**, 16 nonzeros", "default-16", 0.2),
    ("elsa-index, 8 nonzeros", "default-8", 0.2),
    ("dense ELSA, 1,024 dimensions, × popularity", "dense-1024", 0.2),
    ("dense ELSA, 32 dimensions, × popularity", "dense-32", 0.2),
    ("item KNN, 100 neighbours", "item-knn", 0),
    ("most popular", "most-popular", 0),
]


def all_accuracy_table(rows: Rows) -> str:
    lines = [
        "| log | model | bytes per item | on disk | Recall@20 | × popularity | nDCG@100 | × popularity | seeds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for log in ("gowalla", "movielens"):
        names = dict.fromkeys(row["model"] for row in rows if row["log"] == log)
        for model in sorted(names, key=_by_kind_and_size):
            plain, scaled = (
                [row for row in rows if (row["log"], row["model"], row["popularity"]) == (log, model, power)]
                for power in (0, 0.2)
            )
            first = (scaled or plain)[0]
            stored = f"{disk(first):,.0f}" if first["disk"] else "–"
            cells = [model, f"{first['bytes']:,.0f}", stored]
            for name in ("recall@20", "ndcg@100"):
                cells += [metric(group, name) if group else "–" for group in (plain, scaled)]
            cells.append(str(len(scaled or plain)))
            lines.append(f"| {log} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _by_kind_and_size(model: str) -> tuple:
    return re.sub(r"-?\d+", "", model), [int(part) for part in re.findall(r"\d+", model)]


def published_table(rows: Rows) -> str:
    lines = ["| model | bytes per item | Recall@20 | NDCG@20 |", "| --- | ---: | ---: | ---: |"]
    for name, model, power in (
        ("dense ELSA, 1,024 dimensions", "dense-1024", 0),
        ("dense ELSA, 1,024 dimensions, × popularity", "dense-1024", 0.2),
        ("elsa-index, 16 nonzeros", "default-16", 0.2),
    ):
        group = [
            row for row in rows if (row["log"], row["model"], row["popularity"]) == ("gowalla-published", model, power)
        ]
        size = f"{group[0]['bytes']:,.0f}"
        lines.append(f"| {name} | {size} | {metric(group, 'plain_recall@20')} | {metric(group, 'ndcg@20')} |")
    lines.append("| LightGCN, published | 256 | 0.1824 | 0.1547 |")
    lines.append("| item KNN, published | – | 0.1570 | 0.1214 |")
    return "\n".join(lines)


def ideas_table(rows: Rows) -> str:
    lines = [
        "| idea | Gowalla, development users | MovieLens, mean of seeds | training on Gowalla, s |",
        "| --- | ---: | ---: | ---: |",
    ]
    for idea in dict.fromkeys(row["idea"] for row in rows):
        cells = []
        for log in ("gowalla", "movielens"):
            group = [row for row in rows if (row["log"], row["idea"]) == (log, idea)]
            cells.append(metric(group, "ndcg@100") if group else "not run")
        seconds = [row["seconds"] for row in rows if (row["log"], row["idea"]) == ("gowalla", idea)]
        lines.append(f"| {idea} | {cells[0]} | {cells[1]} | {f'{min(seconds):,.0f}' if seconds else '–'} |")
    return "\n".join(lines)


def by_metadata_table(rows: Rows) -> str:
    """Codes by metadata, by their share of their neighbours' norm: nDCG@100 of new items and of all."""
    shares = list(dict.fromkeys(row["share"] for row in rows))
    heads = ["left out" if not share else f"{share:g} of the norm" for share in shares]
    lines = [f"| model | log before, next part | {' | '.join(heads)} |", f"| --- | --- |{' ---: |' * len(shares)}"]
    for model, cut in dict.fromkeys((row["model"], row["cut"]) for row in rows):
        found = {row["share"]: row for row in rows if (row["model"], row["cut"]) == (model, cut)}
        figures = [f"{found[share]['new']:.3f}, {found[share]['all']:.3f}" for share in shares]
        lines.append(f"| {model} | {cut:.0%}, {found[shares[0]]['end'] - cut:.0%} | {' | '.join(figures)} |")
    return "\n".join(lines)


def fold_in_table(rows: Rows) -> str:
    """New items folded in, beside training again, leaving them out and popularity: of each the new items' nDCG@100 and
    that of all, a line for each model and cut."""
    ways = ("folded in", "trained again", "left out", "popularity")
    lines = [
        "| model | log before, next part | new items | users | " + " | ".join(ways) + " | seconds |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for model, cut in dict.fromkeys((row["model"], row["cut"]) for row in rows):
        by_way = {row["way"]: row for row in rows if (row["model"], row["cut"]) == (model, cut)}
        one = by_way["folded in"]
        about = [model, f"{cut:.0%}, {one['end'] - cut:.0%}", f"{one['new_items']:,}"]
        about.append(f"{one['users_of_new']:,}, {one['users']:,}")
        figures = [f"{by_way[way]['new']['mean']:.3f}, {by_way[way]['all']['mean']:.3f}" for way in ways]
        seconds = f"{one['seconds']:.1f}, {by_way['trained again']['seconds']:.1f}"
        lines.append(f"| {' | '.join([*about, *figures, seconds])} |")
    return "\n".join(lines)
