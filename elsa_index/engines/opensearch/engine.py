"""The OpenSearch engine: the cluster adds up, filters and leaves out seen items; codes kept here rescore and prove."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...codes.item_codes import ItemCodes
from ...data.facets import Facets
from ...data.numbers import Numbers
from ...data.tags import Tags
from ...errors import ClusterError, UsageError
from ...storage.ids import IdMap, Rows
from ..batching import answer_each
from ..cluster_target import URL_VARIABLE, ClusterTarget, checked_urls
from ..contract import Answer, BuildPlan, Capabilities, Change, Progress, Query, SearchPlan
from ..document_numbers import load_numbers, save_numbers
from ..item_dims import load_item_dims, rows_of_dims
from ..stored_codes import StoredCodes, StoredCodesEngine, rounded_shares
from ..top_k import best
from ..two_stage import Growth, HeavyItems, TwoStageSearch
from . import query_dsl
from .client import ClusterClient
from .credentials import name_hosts
from .documents import NINE_BITS, bulk_lines, deletion_lines, meta_of
from .features import features_of, has_negative
from .loading import Load
from .next_index import NextIndex
from .postings import MOST_HITS, ClusterPostings, Documents, urls_of
from .takeover import Takeover


class OpenSearchEngine(StoredCodesEngine):
    """An index on a cluster, beside ids and stored codes in the directory."""

    name = "opensearch"
    capabilities = Capabilities(
        exact=True,
        cuts_queries=True,
        stores=("float16", "float32"),
        score_tolerance=1e-12,
        ranks=("client", "server", "first-stage"),
        changes=True,
    )

    def __init__(self, store: StoredCodes, postings: ClusterPostings, heavy: HeavyItems, growth: Growth) -> None:
        super().__init__(store)
        self.postings = postings
        self.two_stage = TwoStageSearch(postings, store, 1 / (1 - NINE_BITS), heavy, growth)

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, plan: BuildPlan, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        target = plan.cluster
        assert target is not None
        named = os.environ.get(URL_VARIABLE) or target.urls
        if named != target.urls:
            raise UsageError(f"{URL_VARIABLE} names {named} and --url {target.urls}; unset one of them.")
        name_hosts(checked_urls(target.urls))
        store = StoredCodes.round(codes, plan.store)
        by_item = codes.history_kind == "items"
        heavy = HeavyItems.of(store, short_queries=by_item)
        store.save(directory)
        heavy.save(directory)
        with closing(ClusterClient(target.urls)) as client:
            meta = meta_of(store, codes.fingerprint, by_item=by_item, numbers=_names(plan.facets))
            load = Load(client, target, meta, overwrite=plan.overwrite)
            shares, row_of_dim = rounded_shares(codes, plan.store), np.arange(store.items) if by_item else None
            lines = bulk_lines(store, codes.ids, shares, plan.facets, row_of_dim=row_of_dim)
            measured = load.run(lines, store.items, on_progress)
        return {
            "urls": target.urls,
            "name": target.name,
            "shards": target.shards,
            "replicas": target.replicas,
            "index": load.index,
            "replaces": load.replaces,
            "left_behind": load.left_behind,
            "opensearch": client.version,
            "fingerprint": codes.fingerprint,
            "dims": codes.dims,
            "items": store.items,
            "store": plan.store,
            "rest_norm": heavy.rest_norm,
            "by_item": by_item,
            "has_negative": has_negative(store),
            **measured,
        }

    @classmethod
    def publish(cls, parameters: dict[str, Any]) -> None:
        with _takeover(parameters) as takeover:
            takeover.publish()

    @classmethod
    def clear_up(cls, parameters: dict[str, Any]) -> None:
        with (
            suppress(ClusterError),
            _takeover(parameters) as takeover,
        ):  # what cannot be removed now is removed next time
            takeover.clear_up()

    @classmethod
    def withdraw(cls, parameters: dict[str, Any]) -> None:
        with _takeover(parameters) as takeover:
            takeover.withdraw()

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "OpenSearchEngine":
        store = StoredCodes.load(directory, parameters["dims"])
        heavy = HeavyItems.load(directory, parameters["rest_norm"], store.items)
        files = {path.name for path in directory.iterdir()}
        tags = Tags.load(directory, store.items) if Tags.are_in(files) else None
        facets = Facets(tags, Numbers.load(directory, store.items) if Numbers.are_in(files) else None)
        ids, by_item = IdMap.load(directory, "ids"), parameters.get("by_item", False)
        row_of_dim = _row_of_dim(directory, store) if by_item else None
        features = features_of(ids, row_of_dim, has_opposite=parameters.get("has_negative", True))
        meta = meta_of(store, parameters["fingerprint"], by_item=by_item, numbers=_names(facets))
        numbers = load_numbers(directory, store.items)
        documents = Documents(ids, np.arange(store.items) if numbers is None else numbers, facets, features)
        postings = ClusterPostings(parameters, meta, documents)
        return cls(store, postings, heavy, Growth.of(short_queries=by_item))

    def change(self, source: Path, directory: Path, parameters: dict[str, Any], change: Change) -> dict[str, Any]:
        store, by_item = self.changed_store(change, parameters["store"]), parameters.get("by_item", False)
        heavy = HeavyItems.of(store, short_queries=by_item)
        store.save(directory)
        heavy.save(directory)
        documents, kept = self.postings.documents, len(change.kept)
        numbers = save_numbers(directory, documents.numbers, change.kept, store.items)
        gone = np.delete(np.arange(self.items), change.kept)
        gone = gone[change.written_ids.find(documents.ids.names_of(gone)) < 0]
        row_of_dim = _row_of_dim(directory, store) if by_item else None
        again = change.reshared if row_of_dim is None else _rows_that_name(store, _item_dims(source, self.store)[gone])
        rows = np.concatenate([again[again < kept], np.arange(kept, store.items)])
        lines = bulk_lines(
            store, change.ids, change.shares, change.facets, row_of_dim=row_of_dim, rows=rows, numbers=numbers[rows]
        )
        meta = meta_of(store, change.fingerprint, by_item=by_item, numbers=_names(change.facets))
        deleted = deletion_lines(documents.ids.take(gone).tolist())
        return parameters | {
            "dims": change.dims,
            "items": store.items,
            "rest_norm": heavy.rest_norm,
            "has_negative": parameters.get("has_negative", True) or has_negative(store.in_order(rows)),
            **_next_index(parameters, meta, chain(deleted, lines)),
        }

    def compact(self, source: Path, directory: Path, parameters: dict[str, Any]) -> dict[str, Any]:
        meta = meta_of(
            self.store, parameters["fingerprint"], by_item=parameters.get("by_item", False),
            numbers=_names(self.postings.documents.facets),
        )  # fmt: skip
        return parameters | _next_index(parameters, meta, (), merged=True)

    def rebuilt(self, parameters: dict[str, Any], facets: Facets) -> BuildPlan:
        return replace(super().rebuilt(parameters, facets), cluster=_target(parameters), overwrite=True)

    def search(self, queries: Sequence[Query], plan: SearchPlan, on_progress: Progress | None = None) -> list[Answer]:
        answer = {"client": self._by_client, "server": self._by_server, "first-stage": self._by_first_stage}
        return answer_each(queries, lambda query: answer[plan.rank](query, plan), plan.threads, on_progress)

    def _by_client(self, query: Query, plan: SearchPlan) -> Answer:
        """Candidates from the cluster, rescored and proven from the codes kept here."""
        answer = self.two_stage.search(query, plan)
        most = self.postings.most_terms(query)
        return replace(answer, cut=len(query.vector) > most and answer.terms >= most)

    def _by_server(self, query: Query, plan: SearchPlan) -> Answer:
        """One request: the cluster's signed scores, exact up to the nine bits of its field, among each shard's best."""
        return self._ranked_there(query, plan, signed=True)

    def _by_first_stage(self, query: Query, plan: SearchPlan) -> Answer:
        """One request: the upper bounds alone."""
        return self._ranked_there(query, plan, signed=False)

    def _ranked_there(self, query: Query, plan: SearchPlan, *, signed: bool) -> Answer:
        wanted = min(plan.k, query.left(self.items))
        if wanted > MOST_HITS:
            raise UsageError(f"A cluster ranks up to {MOST_HITS:,} items, got k = {wanted:,}; use --rank client.")
        every_term = len(query.vector)
        terms = min(plan.query_terms or every_term, every_term)
        cut = plan.many_terms == "cut" and terms > self.postings.most_terms(query)
        if cut:  # the others are added by rescoring
            terms = self.postings.most_terms(query)
        window = min(max(plan.candidates or query_dsl.WINDOW, wanted), MOST_HITS)
        found = self.postings.ranked(query, wanted, window, signed=signed, terms=terms, rest=signed or cut)
        rows, scores = found.rows, found.sums.astype(np.float64)
        if len(rows) < wanted:  # the others share no term of the same sign, so the cluster cannot see them
            others = np.setdiff1d(query.rows_left(self.items), rows, assume_unique=True)
            pool = np.concatenate([scores, self.store.score(others, query.vector)])
            rows, scores = best(np.concatenate([rows, others]), pool, wanted)
        return Answer(rows, scores, False, terms, window, cut)

    def close(self) -> None:
        self.postings.close()


def _names(facets: Facets) -> tuple[str, ...]:
    return facets.numbers.names if facets.numbers else ()


@contextmanager
def _takeover(parameters: dict[str, Any]) -> Iterator[Takeover]:
    with closing(ClusterClient(urls_of(parameters))) as client:
        yield Takeover(client, parameters["name"], parameters["index"], parameters["replaces"], parameters.get("from"))


def _target(parameters: dict[str, Any]) -> ClusterTarget:
    return ClusterTarget(urls_of(parameters), parameters["name"], parameters["shards"], parameters["replicas"])


def _next_index(
    parameters: dict[str, Any], meta: dict[str, Any], actions: Iterable[bytes], *, merged: bool = False
) -> dict[str, Any]:
    """Makes the index after that of `parameters`; returns what of these it changes."""
    with closing(ClusterClient(urls_of(parameters))) as client:
        made = NextIndex(client, _target(parameters), meta, parameters["index"])
        measured = made.run(actions, meta["items"], merged=merged)
        return {
            "index": made.index,
            "from": made.source,
            "replaces": made.replaces,
            "left_behind": made.left_behind,
            "opensearch": client.version,
            "fingerprint": meta["fingerprint"],
            **measured,
        }


def _item_dims(directory: Path, store: StoredCodes) -> Rows:
    """(items,) the dimension that stands for each item."""
    of = load_item_dims(directory, store.items, store.dims)
    return np.arange(store.items) if of is None else of.astype(np.int64)


def _row_of_dim(directory: Path, store: StoredCodes) -> Rows:
    return rows_of_dims(_item_dims(directory, store), store.dims)


def _rows_that_name(store: StoredCodes, dims: Rows) -> Rows:
    """Rows whose codes have a weight in one of these dimensions, sorted. Where such items are no more, their documents
    are written again: else the weight would count should an item of that id come back."""
    named = np.zeros(store.dims, dtype=bool)
    named[dims] = True
    return np.unique(np.searchsorted(store.indptr, np.flatnonzero(named[store.dims_of]), side="right") - 1)
