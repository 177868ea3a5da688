"""A report as people read it: one HTML page that needs no network, with its figures as JSON beside it."""

import html
import io
import json
from pathlib import Path
from typing import Any

from ..extras import require
from ..storage.staging import staged_directory
from .measure import TIMED_QUERIES, Measured, Report

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #8884; white-space: nowrap; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
figure { margin: 2rem 0; background: #fff; border-radius: .5rem; } svg { max-width: 100%; height: auto; }
figcaption { color: #333; padding: .25rem 1rem .75rem; } .warning { border-left: 4px solid #c60; padding-left: 1rem; }
"""


def write_report(report: Report, directory: Path, *, overwrite: bool = False) -> None:
    """Writes index.html and report.json into `directory`. Raises MissingExtraError where matplotlib is missing."""
    require_report()
    figures = _figures(report)
    with staged_directory(directory, overwrite=overwrite, is_ours=is_report) as staged:
        (staged / "report.json").write_text(json.dumps(report.to_json(), indent=1) + "\n", encoding="utf-8")
        (staged / "index.html").write_text(_page(report, figures), encoding="utf-8")


def require_report() -> None:
    """Raises MissingExtraError where a report cannot be drawn."""
    require("A report", "matplotlib")


def is_report(path: Path) -> bool:
    """Whether `path` is what `write_report` writes."""
    return (path / "report.json").is_file()


def columns(report: Report) -> tuple[list[str], list[list[str]]]:
    """The table of settings: heads and rows, as text."""
    quality = list(next((one.quality for one in report.measured if one.quality), {}) or {})
    heads = ["index", "setting", "p50 ms", "rounds", "p95", "p99"]
    heads += [f"queries/s, {count} thread{'s' * (int(count) > 1)}" for count in report.machine["threads"]]
    heads += [f"overlap@{report.k}", *quality]
    rows = []
    for one in report.measured:
        spread = f"{min(one.round_p50):.2f} – {max(one.round_p50):.2f}"
        row = [one.index, one.setting, f"{one.ms['p50']:.2f}", spread, f"{one.ms['p95']:.2f}", f"{one.ms['p99']:.2f}"]
        row += [f"{one.rates[str(count)]:,.0f}" for count in report.machine["threads"]]
        row += ["–" if one.overlap is None else f"{one.overlap:.4f}"]
        row += [f"{one.quality[name]:.4f}" if one.quality else "–" for name in quality]
        rows.append(row)
    return heads, rows


def sizes(report: Report) -> tuple[list[str], list[list[str]]]:
    """The table of indexes: heads and rows, as text."""
    parts = list(dict.fromkeys(part for about in report.indexes for part in about["bytes"]))
    heads = ["index", "engine", "items", "dims", "nonzeros", *(f"{part}, B/item" for part in parts)]
    heads += ["in all, B/item", "on disk, MB", "resident, MB", "build, s", "cold open, ms"]
    rows = []
    for about in report.indexes:
        items, total = about["items"], sum(about["bytes"].values())
        row = [about["name"], about["engine"], f"{items:,}", f"{about['dims']:,}", f"{about['nnz']:,}"]
        row += [f"{about['bytes'].get(part, 0) / items:,.1f}" for part in parts]
        built = "–" if about["build_seconds"] is None else f"{about['build_seconds']:.1f}"
        row += [f"{total / items:,.1f}", f"{total / 1e6:,.1f}", f"{about['resident_bytes'] / 1e6:,.0f}"]
        rows.append([*row, built, f"{about['open_ms']:,.0f}"])
    return heads, rows


def _page(report: Report, figures: dict[str, str]) -> str:
    machine = report.machine
    about = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}, Python {machine['python']}; "
        + ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    )
    busy = (
        ""
        if report.quiet
        else '<p class="warning">The machine was not quiet: medians of some setting’s rounds differ by more than 10 %. '
        "Compare settings within this run only, and run it again.</p>"
    )
    busy += "".join(
        f'<p class="warning">{html.escape(name)} was skipped: {html.escape(why)}</p>'
        for name, why in report.skipped.items()
    )
    drawn = "".join(
        f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>" for caption, svg in figures.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>elsa-index bench</title><style>{_STYLE}</style></head><body><h1>elsa-index bench</h1>"
        f"<p>{html.escape(machine['date'])}. {html.escape(about)}.</p>{busy}"
        f"<p>{report.queries:,} histories (of a split: its first fold), k = {report.k}. Latency: one query at a time "
        f"of each index in turns, one thread, {report.rounds} rounds. Throughput: the first "
        f"{min(TIMED_QUERIES, report.queries)} histories at once. Each index is a process of its own. Overlap: with "
        "the exact answers on the same codes. Resident: what the process grew by from before opening the index to "
        "after the queries, JVM included.</p>"
        f"{drawn}<h2>Settings</h2>{_table(*columns(report))}<h2>Indexes</h2>{_table(*sizes(report))}</body></html>\n"
    )


def _table(heads: list[str], rows: list[list[str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def write_front(report: Report, path: Path) -> None:
    """Writes the first plot, quality against latency, as an SVG file."""
    path.write_text(next(iter(_figures(report).values())), encoding="utf-8")


def _figures(report: Report) -> dict[str, str]:
    """Caption -> SVG: quality (or overlap) against latency, bytes per item by part, the distribution of latencies."""
    from matplotlib.figure import Figure

    names = [about["name"] for about in report.indexes]
    colours = {name: f"C{at % 10}" for at, name in enumerate(names)}
    marks = {name: "os^D"[at // 10 % 4] for at, name in enumerate(names)}
    figures: dict[str, str] = {}
    value, label = _value_of(report)

    front = Figure(figsize=(9, 5), layout="constrained")
    axes = front.subplots()
    for name in names:
        points = [(one.ms["p50"], value(one), one.setting) for one in report.measured if one.index == name]
        known = sorted((ms, score, setting) for ms, score, setting in points if score is not None)
        if known:
            milliseconds, scores, _ = zip(*known, strict=True)
            axes.plot(milliseconds, scores, marks[name], color=colours[name], label=name)
            axes.plot(*zip(*_best(known), strict=True), "-", color=colours[name], alpha=0.6)
    axes.set(xscale="log", xlabel="median latency, ms, one thread (log)", ylabel=label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    caption = f"{label} against median latency; lines join each index's best settings. Up and left is better."
    figures[caption] = _svg(front)

    size = Figure(figsize=(9, 0.5 * len(names) + 1.5), layout="constrained")
    axes = size.subplots()
    left = [0.0] * len(names)
    for part in dict.fromkeys(part for about in report.indexes for part in about["bytes"]):
        widths = [about["bytes"].get(part, 0) / about["items"] for about in report.indexes]
        axes.barh(names, widths, left=left, label=part)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for at, total in enumerate(left):
        axes.text(total, at, f" {total:,.0f}", va="center", fontsize="small")
    axes.set(xscale="symlog", xlabel="bytes per item on disk (log)")
    axes.invert_yaxis()
    axes.legend(fontsize="small")
    figures["Bytes per item on disk, by part."] = _svg(size)

    spread = Figure(figsize=(9, 5), layout="constrained")
    axes = spread.subplots()
    for name in names:
        first = next(one for one in report.measured if one.index == name)
        axes.plot(first.histogram_ms, range(1, 100), color=colours[name], label=f"{name}, {first.setting}")
    axes.set(xscale="log", xlabel="latency, ms, one thread (log)", ylabel="queries answered, %")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figures["How many queries are answered within how many milliseconds; each index at its first setting."] = _svg(
        spread
    )
    return figures


def _value_of(report: Report) -> tuple[Any, str]:
    """What the vertical axis shows: nDCG where a split was given, overlap with exact otherwise."""
    first = next((one.quality for one in report.measured if one.quality), None)
    if not first:
        return (lambda one: one.overlap), f"overlap@{report.k} with exact"
    name = next(name for name in first if name.startswith("ndcg"))

    def value(one: Measured) -> float | None:
        return one.quality[name] if one.quality else None

    return value, name.replace("ndcg", "nDCG")


def _best(points: list[tuple[float, float, str]]) -> list[tuple[float, float]]:
    """Of points sorted by latency, those that no faster one is as good as."""
    front: list[tuple[float, float]] = []
    for ms, score, _ in points:
        if not front or score > front[-1][1]:
            front.append((ms, score))
    return front


def _svg(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
