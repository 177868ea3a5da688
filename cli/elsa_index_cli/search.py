"""elsa-index search"""

import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elsa_index.engines.names import ManyTerms, RankName
from elsa_index.search.options import DiversityBy, Fallback, SearchOptions

from . import options
from .filter_options import FilterOptions, note_strangers
from .history_files import search_files
from .log_options import FormOptions, weights_of
from .printable import for_stdout
from .search_notes import note_empty, note_users_without, note_written
from .spread import spread

if TYPE_CHECKING:
    import elsa_index as ei

EXAMPLE = "Example: elsa-index search catalogue.index --items a,b,c -k 20 · ... --histories users.csv -o top.csv"
_SHOWN = 4  # parts of an explanation


@spread
def search(
    index: Annotated[Path, typer.Argument(help="The index directory.")],
    items: options.Items = None,
    item: options.Item = None,
    histories: Annotated[Path | None, typer.Option(help="A table with user_id, item_id (optional weight).")] = None,
    k: Annotated[int, typer.Option("-k", help="Items per history.")] = SearchOptions.k,
    exact: Annotated[
        bool, typer.Option("--exact", help="Prove that the answer is the exhaustive top k.")
    ] = SearchOptions.exact,
    query_terms: Annotated[
        int | None, typer.Option(help="Terms of the first stage; promises nothing.")
    ] = SearchOptions.query_terms,
    candidates: Annotated[
        int | None, typer.Option(help="Items to rescore; promises nothing.")
    ] = SearchOptions.candidates,
    effort: Annotated[
        int | None, typer.Option(help="How far an approximate engine looks (faiss-hnsw, faiss-ivfpq, seismic).")
    ] = SearchOptions.effort,
    filters: FilterOptions = FilterOptions(),
    seen_after: Annotated[
        str | None,
        typer.Option(
            help="Of --histories: return a history's items again that were seen 30d (h, d, w, y) before the latest of "
            "the file, or earlier; with --time-column."
        ),
    ] = None,
    boost: Annotated[
        list[str] | None,
        typer.Option(help="Multiply scores: tag:new=1.5, age:released=180d, power:rating=0.5. Repeatable."),
    ] = None,
    diversity: Annotated[
        float, typer.Option(help="0: the best items, to 1: the most different ones; what it costs is said.")
    ] = SearchOptions.diversity,
    diversity_by: Annotated[
        DiversityBy | None,
        typer.Option(help="What makes items similar: one segment, or their codes.", show_default="what there is"),
    ] = SearchOptions.diversity_by,
    offset: Annotated[int, typer.Option(help="The best items to leave out: for the next page.")] = SearchOptions.offset,
    metadata: options.Metadata = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="What brought each item: parts that sum to its score.")
    ] = False,
    fallback: Annotated[Fallback, typer.Option(help="For histories without a known item.")] = SearchOptions.fallback,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="A .csv, .parquet, .jsonl or .trec file.")] = None,
    rank: Annotated[
        RankName, typer.Option(help="Who ranks (opensearch); docs/guides/opensearch.md says what each promises.")
    ] = SearchOptions.rank,
    many_terms: Annotated[
        ManyTerms | None,
        typer.Option(
            help="For queries with more terms than the cluster takes (opensearch).", show_default="cut for rank client"
        ),
    ] = SearchOptions.many_terms,
    threads: options.Threads = SearchOptions.threads,
    user_column: Annotated[
        str | None, typer.Option(help="Of --histories: the column of users.", show_default="user_id")
    ] = None,
    item_column: Annotated[
        str | None, typer.Option(help="Of --histories: the column of items.", show_default="item_id")
    ] = None,
    time_column: Annotated[str | None, typer.Option(help="Of --histories: the column of times.")] = None,
    half_life: options.HalfLife = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="Of --histories: what items count, by event: view=1,cart=3,buy=10.")
    ] = None,
    weight_column: Annotated[
        str | None,
        typer.Option(
            help="Of --histories: the column of what items count, or of what --weight names.", show_default="weight"
        ),
    ] = None,
    time_format: Annotated[str | None, typer.Option(help="Of times: %d.%m.%Y.", show_default="found")] = None,
    form: FormOptions = FormOptions(),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --histories and -o where an interrupted run stopped.")
    ] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Recommend for one history, or for a file of them."""

    from elsa_index.errors import UsageError

    one = options.history(items, item)
    _refuse_contradictions(one, histories, explain, out)
    if explain and (boost or diversity):
        raise UsageError("--explain shows parts of the scores that codes give: leave out --boost and --diversity.")
    if seen_after is not None and filters.keep_seen:
        raise UsageError("--keep-seen returns all that was seen, --seen-after some of it; leave one out.")
    if out is not None:
        _refuse_output(out, overwrite)
    weighing: dict[str, Any] = {"time_column": time_column, "half_life": half_life, "seen_after": seen_after}
    weighing["weights"] = weights_of(weight or [])
    columns = {"user_column": user_column, "item_column": item_column, "weight_column": weight_column}
    weighing |= {name: column for name, column in columns.items() if column is not None}
    log_format = replace(form.log_format, time_format=time_format)
    if resume and (histories is None or out is None):
        raise UsageError("--resume goes on with an interrupted run of --histories FILE -o FILE; name both.")
    wanted = filters.read()
    if histories is not None and out is not None:
        from elsa_index.data.histories import HistoryForm

        ranking: dict[str, Any] = {
            "k": k, "exact": exact, "query_terms": query_terms, "candidates": candidates, "boosts": boost or [],
            "diversity": diversity, "diversity_by": diversity_by, "offset": offset, "fallback": fallback,
            "threads": threads, "effort": effort, "rank": rank, "many_terms": many_terms,
        }  # fmt: skip
        read_as = HistoryForm(form=log_format, **weighing)
        with options.opened(index, metadata) as opened:
            search_files(opened, histories, out, wanted, ranking, read_as, resume=resume, overwrite=overwrite)
        return
    asked = _Asked.of(one, histories, log_format, weighing)
    with options.opened(index, metadata) as opened, options.progress("searching") as on_progress:
        started = time.perf_counter()
        result = opened.search(
            asked.histories, k, exact=exact, query_terms=query_terms, candidates=candidates, weights=asked.weights,
            seen=asked.seen, **wanted, boosts=boost or [], diversity=diversity, diversity_by=diversity_by,
            offset=offset, fallback=fallback, threads=threads, effort=effort, rank=rank,
            many_terms=many_terms, on_progress=on_progress,
        )  # fmt: skip
        seconds = time.perf_counter() - started
        note_strangers(wanted, opened, boost or ())
        explained = opened.explain(one, result.rankings[0].items) if explain else None
    options.note_unknown(name for names in result.unknown for name in names)
    if asked.batch:
        without = [user for user, ranking in zip(asked.users, result.rankings, strict=True) if ranking.answer is None]
        note_users_without(len(without), without, popular=fallback == "popular")
    else:
        _refuse_strangers(one, result.rankings[0])
    if out is not None:
        from elsa_index.data.results import write_results

        frame = result.to_frame(asked.users, with_fallback=fallback == "popular")
        write_results(frame, out, overwrite=overwrite)
        note_written(out, frame.height, len(asked.users))
    elif json:
        found = {"promise": result.promise, "seconds": seconds, "results": _as_json(opened, asked.users, result)}
        if explained is not None:
            found["explanations"] = [asdict(part) for part in explained]
        options.print_json(found)
    elif asked.batch:
        sys.stdout.write(for_stdout(result.to_frame(asked.users, with_fallback=fallback == "popular").write_csv()))
    else:
        _show(opened, result.rankings[0], explained)
    note_empty(sum(not ranking.items for ranking in result.rankings), len(asked.users))
    asked_for = options.counted(len(asked.users), "history", "histories")
    options.note(f"{result.promise}; {asked_for} in {options.duration(seconds)}")


@dataclass(frozen=True)
class _Asked:
    """Histories with their users' ids; batch: they come from a file."""

    users: list[str]
    histories: list[list[str]]
    weights: list[list[float]] | None
    seen: list[list[str]] | None
    batch: bool

    @classmethod
    def of(
        cls, one: list[str], histories: Path | None, log_format: "ei.LogFormat", weighing: dict[str, Any]
    ) -> "_Asked":
        """weighing: as `read_histories` takes it."""
        import elsa_index as ei
        from elsa_index.errors import UsageError

        if histories is None:
            if any(weighing.values()):
                raise UsageError(
                    "--user-column, --item-column, --time-column, --half-life, --seen-after, --weight and "
                    "--weight-column are for --histories; --items have neither columns nor times nor weights."
                )
            return cls([""], [one], None, None, False)
        read = ei.read_histories(histories, form=log_format, **weighing)
        return cls(read.users, read.items, read.weights, read.seen, True)


def _refuse_contradictions(one: list[str], histories: Path | None, explain: bool, out: Path | None) -> None:
    from elsa_index.errors import UsageError

    if bool(one) == (histories is not None):
        raise UsageError("Name one history by --items a,b,c or --item ID, or a file of them by --histories FILE.")
    if explain and histories is not None:
        raise UsageError("--explain is for one history, by --items or --item; with --histories ask in Python.")
    if explain and out is not None:
        raise UsageError("--explain prints, and -o writes; leave one out.")


def _refuse_output(out: Path, overwrite: bool) -> None:
    """Before anything is searched, not after."""
    from elsa_index.data.results import writable_format
    from elsa_index.storage.staging import refuse_existing

    writable_format(out)
    refuse_existing(out, overwrite=overwrite, is_ours=Path.is_file)


def _refuse_strangers(one: list[str], ranking: "ei.Ranking") -> None:
    from elsa_index.errors import DataError, name_some

    if ranking.answer is None and not ranking.popular:
        raise DataError(
            f"No item of the history is in the index: {name_some(one)}. --fallback popular gives popular items."
        )


def _show(index: "ei.Index", ranking: "ei.Ranking", explained: list["ei.Explanation"] | None) -> None:
    """The table for one history. explained: None where nobody asked. Where dimensions are items, the history's items
    say all.
    """
    heads = ["rank", "item_id", "users that have it" if ranking.popular else "score"]
    shown = "{:,.0f}" if ranking.popular else "{:.4f}"
    rows = [[str(rank), name, shown.format(score)] for rank, (name, score) in enumerate(ranking.pairs(), 1)]
    if index.titles.known is not None:
        heads.insert(2, "title")
        rows = [[*row[:2], index.titles[at], row[2]] for row, at in zip(rows, ranking.rows.tolist(), strict=True)]
    if explained is not None and not ranking.popular:
        if index.manifest.codes.history == "items":
            heads += ["because of"]
            rows = [[*row, _listed(_by_title(index, part.history))] for row, part in zip(rows, explained, strict=True)]
        else:
            heads += ["from the history", "dimensions"]
            rows = [
                [
                    *row,
                    _listed(_by_title(index, part.history)),
                    _listed([(str(dim), amount) for dim, amount in part.dims]),
                ]
                for row, part in zip(rows, explained, strict=True)
            ]
    options.table("", heads, rows, texts=("item_id", "title"))


def _by_title(index: "ei.Index", parts: list[tuple[str, float]]) -> list[tuple[str, float]]:
    rows = index.ids.rows(name for name, _ in parts).tolist()
    return [(index.titles[row] or name, amount) for row, (name, amount) in zip(rows, parts, strict=True)]


def _listed(parts: list[tuple[str, float]]) -> str:
    """What brought most, with its amount, and the rest in one number."""
    brought = sorted((part for part in parts if part[1]), key=lambda part: -abs(part[1]))
    shown = [f"{name} {amount:+.4f}" for name, amount in brought[:_SHOWN]]
    if rest := brought[_SHOWN:]:
        shown.append(f"{len(rest)} more {sum(amount for _, amount in rest):+.4f}")
    return ", ".join(shown)


def _as_json(index: "ei.Index", users: list[str], result: "ei.SearchResult") -> list[dict[str, Any]]:
    """Items with their titles, where the index knows any."""
    known = index.titles.known is not None
    return [
        {
            "user_id": user,
            "items": [
                {"rank": rank, "item_id": name, "score": score} | ({"title": index.titles[row]} if known else {})
                for rank, ((name, score), row) in enumerate(zip(ranking.pairs(), ranking.rows.tolist(), strict=True), 1)
            ],
            "proven": ranking.proven,
            "popular": ranking.popular,
            "unknown": ranking.unknown,
        }
        for user, ranking in zip(users, result.rankings, strict=True)
    ]
