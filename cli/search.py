"""elsa-index search"""

import sys
import time
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = "Example: elsa-index search catalogue.index --items a,b,c -k 20 · ... --histories users.csv -o top.csv"


class Fallback(StrEnum):
    none = "none"
    popular = "popular"


class Rank(StrEnum):
    client = "client"
    server = "server"
    first_stage = "first-stage"


class ManyTerms(StrEnum):
    refuse = "refuse"
    cut = "cut"


def search(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    items: options.Items = None,
    item: options.Item = None,
    histories: Annotated[Path | None, typer.Option(help="A table with user_id, item_id (optional weight).")] = None,
    k: Annotated[int, typer.Option("-k", help="Items a history.")] = 10,
    exact: Annotated[bool, typer.Option("--exact", help="Prove that the answer is the exhaustive top k.")] = False,
    query_terms: Annotated[int | None, typer.Option(help="Terms of the first stage; promises nothing.")] = None,
    candidates: Annotated[int | None, typer.Option(help="Items to rescore; promises nothing.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Only items that carry it; repeatable: all of them.")] = None,
    exclude: Annotated[
        Path | None, typer.Option(help="Items never to return: .txt, one id a line, or a table with item_id.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What brought each item: parts that sum to its score.")
    ] = False,
    fallback: Annotated[Fallback, typer.Option(help="For histories without a known item.")] = Fallback.none,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A .csv, .parquet, .jsonl or .trec file.")] = None,
    rank: Annotated[
        Rank, typer.Option(help="Who ranks (opensearch); the README says what each promises.")
    ] = Rank.client,
    many_terms: Annotated[
        ManyTerms | None,
        typer.Option(
            help="For queries with more terms than the cluster takes (opensearch).", show_default="cut for rank client"
        ),
    ] = None,
    threads: options.Threads = 1,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Recommend for one history, or for a file of them."""
    from elsa_index.errors import DataError, UsageError, name_some
    from elsa_index.index import Index

    one = options.history(items, item)
    if bool(one) == (histories is not None):
        raise UsageError("Name one history by --items a,b,c or --item ID, or a file of them by --histories FILE.")
    if explain and histories is not None:
        raise UsageError("--explain is for one history, by --items or --item; with --histories ask in Python.")
    if explain and out is not None:
        raise UsageError("--explain prints, and -o writes; leave one out.")
    if out is not None:
        from elsa_index.data.tables import writable_format
        from elsa_index.storage.files import refuse_existing

        writable_format(out)
        refuse_existing(out, overwrite=overwrite, is_ours=Path.is_file)
    users, asked, weights = [""], [one], None
    if histories is not None:
        from elsa_index.data.histories import read_histories

        read = read_histories(histories)
        users, asked, weights = read.users, read.items, read.weights
    excluded: list[str] = []
    if exclude is not None:
        from elsa_index.codes.item_codes import read_ids

        excluded = [name for name in read_ids(exclude) if name]
    with Index.open(index) as opened, options.progress("searching") as on_progress:
        started = time.perf_counter()
        result = opened.search(
            asked, k, exact=exact, query_terms=query_terms, candidates=candidates, weights=weights,
            tags=tag or [], exclude=excluded, fallback=fallback.value, threads=threads, rank=rank.value,
            many_terms=many_terms.value if many_terms else None, on_progress=on_progress,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        promise = result.promise
        if excluded and (strangers := [name for name in excluded if name not in opened.ids]):
            options.note(f"warning: {len(strangers):,} excluded items are not in the index: {name_some(strangers)}")
        explained = opened.explain(one, [name for name in result.ids[0] if name is not None]) if explain else []
    _say_unknown(users, result, histories is not None)
    if histories is None and result.answers[0] is None and not result.popular[0]:
        raise DataError(
            f"No item of the history is in the index: {name_some(one)}. --fallback popular gives popular items."
        )
    if out is not None:
        from elsa_index.data.tables import write_results

        frame = result.to_frame(users)
        write_results(frame, out, overwrite=overwrite)
        options.note(f"{out}: {frame.height:,} results for {len(users):,} histories")
    elif json:
        found = {"promise": promise, "seconds": seconds, "results": _as_json(users, result)}
        options.print_json(found | ({"explanations": [asdict(part) for part in explained]} if explain else {}))
    elif histories is not None:
        sys.stdout.write(result.to_frame(users).write_csv())
    else:
        ranked = zip(result.ids[0], result.scores[0], strict=True)
        rows = [
            [str(rank), str(name), f"{score:.4f}"] for rank, (name, score) in enumerate(ranked, 1) if name is not None
        ]
        heads = ["rank", "item_id", "score"]
        if explain and not result.popular[0]:
            heads += ["from the history", "dimensions"]
            rows = [row + _parts(part) for row, part in zip(rows, explained, strict=True)]
        options.table("", heads, rows)
    if empty := [user for user, rows in zip(users, result.rows, strict=True) if (rows < 0).all()]:
        options.note(f"warning: {len(empty):,} of {len(users):,} histories get no item: none is known, or none is left")
    options.note(f"{promise}; {len(users):,} histories in {seconds * 1000:,.1f} ms")


_SHOWN = 4


def _parts(explained: "ei.Explanation") -> list[str]:
    """What brought most: history items and dimensions with their amounts, and the rest in one number."""

    def listed(parts: list[tuple[str, float]]) -> str:
        brought = sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))
        shown = [f"{name} {amount:+.4f}" for name, amount in brought[:_SHOWN]]
        if rest := brought[_SHOWN:]:
            shown.append(f"{len(rest)} more {sum(amount for _, amount in rest):+.4f}")
        return ", ".join(shown)

    return [listed(explained.history), listed([(str(dim), amount) for dim, amount in explained.dims])]


def _as_json(users: list[str], result: "ei.SearchResult") -> list[dict]:
    return [
        {
            "user_id": user,
            "items": [
                {"rank": rank, "item_id": name, "score": float(score)}
                for rank, (name, score) in enumerate(zip(result.ids[at], result.scores[at], strict=True), 1)
                if name is not None
            ],
            "proven": bool(result.proven[at]),
            "popular": bool(result.popular[at]),
            "unknown": result.unknown[at],
        }
        for at, user in enumerate(users)
    ]


def _say_unknown(users: list[str], result: "ei.SearchResult", batch: bool) -> None:
    from elsa_index.errors import name_some

    options.note_unknown(name for names in result.unknown for name in names)
    without = [users[at] for at, answer in enumerate(result.answers) if answer is None]
    if without and batch:
        got = "popular items" if result.popular.any() else "nothing (try --fallback popular)"
        options.note(
            f"warning: {len(without):,} users have no item that the index knows and get {got}: {name_some(without)}"
        )
