"""The table of half-lives and weights."""

from typing import Any


def weights_table(rows: list[dict[str, Any]]) -> str:
    """Every way of weighing, beside all counting alike."""
    lines = [
        "| model, log | half-life in training | in histories: none | 30d | 90d | 1y | 3y | 10y |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for model, least in dict.fromkeys((row["model"], row["least rating"]) for row in rows):
        name = f"{model}, {'all ratings' if least < 1 else f'{least:g} stars or more'}"
        of_these = [row for row in rows if (row["model"], row["least rating"]) == (model, least)]
        plain = [row for row in of_these if not row["ratings in training"] and not row["ratings in histories"]]
        for training in dict.fromkeys(row["half-life in training"] for row in plain):
            group = [row for row in plain if row["half-life in training"] == training]
            lines.append(f"| {name} | {training or 'none'} | {' | '.join(map(_cell, group))} |")
        for in_training, in_histories in ((True, False), (False, True), (True, True)):
            group = [
                row
                for row in of_these
                if (row["ratings in training"], row["ratings in histories"]) == (in_training, in_histories)
                and row["half-life in training"] is None
            ]
            where = " and ".join(
                place for place, there in (("training", in_training), ("histories", in_histories)) if there
            )
            cells = [_cell(row) for row in group] + [""] * (6 - len(group))
            lines.append(f"| {name}, ratings as weights in {where} | none | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: dict[str, Any]) -> str:
    found = row["ndcg@100"]
    return f"{found['mean']:.4f} ({found['low']:.3f} – {found['high']:.3f})"
