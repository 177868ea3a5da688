"""Tables of segments, for `benchmarks/tables.py`."""

from typing import Any

from benchmarks.markdown import table_of

Rows = list[dict[str, Any]]


def genres_table(rows: Rows) -> str:
    """Lift and mutual information, beside chance."""
    lines = [
        "| films | segments by | segments | films in them | lift of the genre (chance) | NMI (chance) |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in (row for row in rows if "nmi" in row):
        name = f"**{row['segments_by']}**" if row["segments_by"] == "elsa-index" else row["segments_by"]
        cells = [row["items"], name, f"{row['segments']:,}", f"{row['items_in_segments']:,}"]
        cells += [f"{row[part]:.{digits}f} ({row[f'{part}_by_chance']:.{digits}f})" for part, digits in _DIGITS.items()]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


_DIGITS = {"lift": 2, "nmi": 3}


def examples_table(rows: Rows) -> str:
    lines = ["| segment | films | merged from dimensions | most typical |", "| --- | ---: | ---: | --- |"]
    for row in (row for row in rows if row["segments_by"] == "example"):
        lines.append(f"| **{row['name']}** | {row['size']} | {row['merged']} | {' · '.join(row['typical'])} |")
    return "\n".join(lines)


def segment_ranking_table(rows: Rows) -> str:
    made = [
        [row["items"], str(row["segments"]), f"{row['hidden_in_best']:.1%}", f"{row['items_in_best']:.1%}"]
        for row in rows
        if row["segments_by"] == "ranking"
    ]
    return table_of(["ranked by, segments", "segments", "hidden items in the best 8", "items in these 8"], made)


def homepage_table(rows: Rows) -> str:
    row = next(row for row in rows if row["segments_by"] == "homepages")
    names = next(row for row in rows if row["segments_by"] == "names")
    fit = [row for row in rows if row["segments_by"] == "rule of names"]
    return "\n".join([
        "| measured | |",
        "| --- | ---: |",
        f"| homepages | {row['items']}, {row['rows']:,} rows |",
        f"| items twice, of the history, of another segment; rows too short | {row['wrong']} |",
        "| ms a homepage: p50, p95, p99 | " + ", ".join(f"{row['ms'][at]:.1f}" for at in ("p50", "p95", "p99")) + " |",
        f"| genres in names of segments; their mean lift there, the least | {names['named']}; {names['lift']:.1f}, "
        f"{names['least']:.1f} |",
        *(
            f"| names whose terms cover half of their segment, no two words of one title: {row['items']} | "
            f"{row['share']:.0%} of {row['segments']} |"
            for row in fit
        ),
    ])  # fmt: skip


def faults_table(rows: Rows) -> str:
    heads = ["what was done", "how", "tries", "refused", "as if nothing was", "other answers", "wrong"]
    made = [
        [row["what"], row["how"]] + [f"{row[at]:,}" for at in ("tries", "refused", "same", "other", "wrong")]
        for row in rows
    ]
    return table_of(heads, made)


def rules_table(rows: Rows) -> str:
    heads = [
        "rule",
        "value",
        "segments",
        "films in them",
        "largest",
        "lift of the genre",
        "NMI above chance",
        "nDCG@20",
    ]
    made = []
    for row in rows:
        cells = [row["rule"], str(row["value"]), str(row["segments"]), f"{row['items']:,}", str(row["largest"])]
        made.append([*cells, f"{row['lift']:.2f}", f"{row['nmi_above_chance']:.3f}", f"{row['ndcg']:.3f}"])
    return table_of(heads, made)
