"""The OpenSearch engine: the cluster adds up, filters and leaves out seen items; codes kept here rescore and prove."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...codes import ItemCodes
from ...errors import ClusterError, UsageError
from ...ids import IdMap, load_array
from ...query import QueryTerms
from ...tags import Tags
from ..base import Answer, BuildOptions, Capabilities, Progress, Query, SearchOptions, answer_each, best
from ..store import StoredCodes, StoredCodesEngine
from ..two_stage import Candidates, HeavyItems, TwoStageSearch
from . import requests
from .client import CLAUSE_SETTING, URL_VARIABLE, ClusterClient
from .documents import FORMAT, NINE_BITS, bulk_lines, document_id, mapping, meta_of
from .loading import Load, our_meta

_HEAVY = "codes.heavy.npy"
MOST_HITS = 10_000
"""Items that a cluster returns in one answer, and rescores a shard: the default of index.max_result_window."""


class OpenSearchEngine(StoredCodesEngine):
    """An index on a cluster, beside ids and stored codes in the directory."""

    name = "opensearch"
    capabilities = Capabilities(
        exact=True,
        cuts_queries=True,
        stores=("float16", "float32"),
        score_tolerance=1e-12,
        ranks=("client", "server", "first-stage"),
    )

    def __init__(self, store: StoredCodes, postings: "ClusterPostings", heavy: HeavyItems) -> None:
        super().__init__(store)
        self._postings = postings
        self._search = TwoStageSearch(postings, store, 1 / (1 - NINE_BITS), heavy)

    @classmethod
    def build(
        cls, codes: ItemCodes, directory: Path, options: BuildOptions, on_progress: Progress | None = None
    ) -> dict[str, Any]:
        target = options.cluster
        assert target is not None
        store = StoredCodes.round(codes, options.store)
        heavy = HeavyItems.of(store)
        store.save(directory)
        np.save(directory / _HEAVY, heavy.rows.astype(np.uint32))
        client = ClusterClient(target.urls)
        try:
            load = Load(client, target, meta_of(store, codes.fingerprint), overwrite=options.overwrite)
            lines = bulk_lines(store, codes.ids, codes.history_weights, options.tags)
            measured = load.run(lines, store.items, on_progress)
        finally:
            client.close()
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
            "store": options.store,
            "rest_norm": heavy.rest_norm,
            **measured,
        }

    @classmethod
    def publish(cls, parameters: dict[str, Any]) -> None:
        Load.resume(parameters).publish()

    @classmethod
    def withdraw(cls, parameters: dict[str, Any]) -> None:
        Load.resume(parameters).withdraw()

    @classmethod
    def open(cls, directory: Path, parameters: dict[str, Any]) -> "OpenSearchEngine":
        store = StoredCodes.load(directory, parameters["dims"])
        heavy = HeavyItems(load_array(directory / _HEAVY).astype(np.int64), parameters["rest_norm"])
        tags = Tags.load(directory, store.items) if (directory / "tags.rows.npy").exists() else None
        postings = ClusterPostings(
            parameters, meta_of(store, parameters["fingerprint"]), IdMap.load(directory, "ids"), tags
        )
        return cls(store, postings, heavy)

    def search(
        self, queries: Sequence[Query], options: SearchOptions, on_progress: Progress | None = None
    ) -> list[Answer]:
        answer = {"client": self._by_client, "server": self._by_server, "first-stage": self._by_first_stage}
        return answer_each(queries, lambda query: answer[options.rank](query, options), options.threads, on_progress)

    def _by_client(self, query: Query, options: SearchOptions) -> Answer:
        """Candidates from the cluster, rescored and proven from the codes kept here."""
        answer = self._search.search(query, options)
        most = self._postings.most_terms(query)
        return replace(answer, cut=int(np.count_nonzero(query.vector)) > most and answer.terms >= most)

    def _by_server(self, query: Query, options: SearchOptions) -> Answer:
        """One request: the cluster's signed scores, exact up to the nine bits of its field, among each shard's best."""
        return self._ranked_there(query, options, signed=True)

    def _by_first_stage(self, query: Query, options: SearchOptions) -> Answer:
        """One request: the upper bounds alone."""
        return self._ranked_there(query, options, signed=False)

    def _ranked_there(self, query: Query, options: SearchOptions, *, signed: bool) -> Answer:
        wanted = min(options.k, query.left(self.items))
        if wanted > MOST_HITS:
            raise UsageError(f"A cluster ranks up to {MOST_HITS:,} items, got k = {wanted:,}; use --rank client.")
        every_term = int(np.count_nonzero(query.vector))
        terms = min(options.query_terms or every_term, every_term)
        cut = options.many_terms == "cut" and terms > self._postings.most_terms(query)
        if cut:  # the others are added by rescoring
            terms = self._postings.most_terms(query)
        window = min(max(options.candidates or requests.WINDOW, wanted), MOST_HITS)
        found = self._postings.ranked(query, wanted, window, signed=signed, terms=terms, rest=signed or cut)
        rows, scores = found.rows, found.sums.astype(np.float64)
        if len(rows) < wanted:  # the others share no term of the same sign, so the cluster cannot see them
            others = np.setdiff1d(query.rows_left(self.items), rows, assume_unique=True)
            pool = np.concatenate([scores, self.store.score(others, query.vector)])
            rows, scores = best(np.concatenate([rows, others]), pool, wanted)
        return Answer(rows, scores, False, terms, window, cut)

    def close(self) -> None:
        self._postings.close()


class ClusterPostings:
    """The first stage on a cluster, which leaves out seen and excluded items and applies tags. Threads may share it."""

    most_candidates = MOST_HITS

    def __init__(self, parameters: dict[str, Any], meta: dict[str, Any], ids: IdMap, tags: Tags | None) -> None:
        """Opens the index that the directory names. Raises ClusterError where it is gone or not as it was loaded."""
        self._client = ClusterClient(os.environ.get(URL_VARIABLE) or parameters["urls"])
        self._index, self._ids, self._tags = parameters["index"], ids, tags
        self._check(parameters["name"], meta)
        self._most_clauses = self._clause_limit()

    def _check(self, name: str, meta: dict[str, Any]) -> None:
        """Whether the cluster's index is what the directory was built with."""
        api, index = self._client.api, self._index
        found = self._client.call(f"opening {index}", lambda: api.indices.get(index=index, ignore=404))
        again = "build again, or fetch the directory that was built with it"
        if "error" in found:
            raise ClusterError(
                f"{self._client} has no index {index}: the catalogue {name} was replaced or removed; {again}."
            )
        about = found[index]
        there = our_meta(about)
        if there is None:
            raise ClusterError(f"{self._client}: the mapping of {index} was changed, its _meta is gone; {again}.")
        if there.get("format") != FORMAT:
            raise ClusterError(
                f"{self._client}: {index} has the format {there.get('format')}, this version reads {FORMAT}; {again}."
            )
        if not there.get("complete"):
            raise ClusterError(f"{self._client}: {index} was not loaded to its end; {again}.")
        if any(there.get(key) != meta[key] for key in ("fingerprint", "items", "dims")):
            raise ClusterError(
                f"{self._client}: {index} holds codes of another training ({there.get('fingerprint')}), this directory "
                f"those of {meta['fingerprint']}; {again}."
            )
        expected, present = mapping(meta)["properties"], about["mappings"].get("properties", {})
        for field, wanted in expected.items():
            if present.get(field, {}).get("type") != wanted["type"]:
                raise ClusterError(
                    f"{self._client}: the mapping of {index} was changed, the field {field} too; {again}."
                )
        count = self._client.call(f"counting {index}", lambda: api.count(index=index))["count"]
        if count != meta["items"]:
            raise ClusterError(
                f"{self._client}: {index} holds {count:,} documents and {meta['items']:,} were loaded; {again}."
            )

    def _clause_limit(self) -> int:
        try:
            settings = self._client.call(
                "asking for its settings",
                lambda: self._client.api.cluster.get_settings(
                    params={"include_defaults": "true", "filter_path": f"*.{CLAUSE_SETTING}"}
                ),
            )
        except ClusterError:  # not every user may read them
            return requests.CLAUSES
        for part in ("transient", "persistent", "defaults"):
            found: Any = settings.get(part, {})
            for name in CLAUSE_SETTING.split("."):
                found = found.get(name, {})
            if found:
                return int(found)
        return requests.CLAUSES

    def top(self, cut: QueryTerms, query: Query, count: int) -> Candidates:
        """As `FirstStage.top`; the sums are of the field's weights, rounded to nine bits, times query weights."""
        self._refuse_too_long(query, len(cut.terms))
        body = requests.first_stage(cut.terms.tolist(), cut.weights.tolist(), count, self._restriction(query))
        return self._asked(body, count)

    def ranked(self, query: Query, k: int, window: int, *, signed: bool, terms: int, rest: bool) -> Candidates:
        """The best `k` as the cluster ranks: see `requests.ranking`."""
        self._refuse_too_long(query, terms)
        body = requests.ranking(
            query.vector, k, window, signed=signed, terms=terms, rest=rest,
            clause_limit=self._most_clauses, restricted=self._restriction(query),
        )  # fmt: skip
        return self._asked(body, k)

    def _asked(self, body: str, count: int) -> Candidates:
        found = self._client.call(
            "searching",
            lambda: self._client.api.search(
                index=self._index,
                body=body,
                params={
                    # A shard that fails makes the request fail, so that no part is taken for the whole.
                    "allow_partial_search_results": "false",
                    "filter_path": "timed_out,hits.hits._score,hits.hits.fields",
                },
            ),
        )
        hits = found.get("hits", {}).get("hits", [])
        rows = np.array([hit["fields"]["row"][0] for hit in hits], dtype=np.int64)
        if ((rows < 0) | (rows >= len(self._ids))).any():
            raise ClusterError(f"{self._client}: documents of {self._index} were changed; build again.")
        sums = np.array([hit["_score"] for hit in hits], dtype=np.float32)
        return Candidates(rows, sums, len(rows) < count)

    def _restriction(self, query: Query) -> str:
        seen = [document_id(self._ids[row]) for row in query.seen.tolist()]
        if query.only is None:
            return requests.restriction(seen)
        seen += [document_id(self._ids[row]) for row in query.only.excluded.tolist()]
        tags = [self._tags.names[number] for number in query.only.tags] if self._tags else []
        return requests.restriction(seen, tags)

    def most_terms(self, query: Query) -> int:
        """All clauses but those that are no terms: one for all items that are left out, and one a tag."""
        return self._most_clauses - 1 - (len(query.only.tags) if query.only else 0)

    def _refuse_too_long(self, query: Query, terms: int) -> None:
        most = self.most_terms(query)
        if terms > most:
            raise UsageError(
                f"A query has {terms:,} terms, and {most:,} fit into a request to {', '.join(self._client.urls)}: "
                f"raise {CLAUSE_SETTING} there to {terms + self._most_clauses - most:,} or more, or begin with its "
                "heaviest terms: --many-terms cut (many_terms='cut')."
            )

    def close(self) -> None:
        self._client.close()
