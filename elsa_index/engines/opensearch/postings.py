"""The postings on a cluster: opened and checked, asked for candidates or for a ranking."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from ...codes.query_terms import QueryTerms
from ...data.facets import Facets
from ...errors import ClusterError, UsageError
from ...storage.ids import IdMap, Rows
from ..cluster_target import URL_VARIABLE
from ..contract import Filter, Query
from ..two_stage import Candidates
from . import query_dsl
from .catalogues import count_documents, our_meta
from .client import CLAUSE_SETTING, ClusterClient
from .documents import ROW, document_id, mapping
from .features import Features

MOST_HITS = 10_000
"""Items that a cluster returns in one answer, and rescores a shard: the default of index.max_result_window."""


@dataclass(frozen=True, eq=False)
class Documents:
    """What stands for what on the cluster.

    ids: of all items. numbers: (items,) what each item's document is numbered by, ascending: its row, until the index
    is changed. facets: of the items. features: what weights are called.
    """

    ids: IdMap
    numbers: Rows
    facets: Facets
    features: Features


class ClusterPostings:
    """The first stage on a cluster, which leaves out seen and excluded items and applies tags. Threads may share it."""

    most_candidates = MOST_HITS

    def __init__(self, parameters: dict[str, Any], meta: dict[str, Any], documents: Documents) -> None:
        """Opens the index that the directory names. Raises ClusterError where it is gone or not as it was loaded."""
        self.client = ClusterClient(urls_of(parameters))
        self.index, self.documents = parameters["index"], documents
        self._named: WeakKeyDictionary[Filter, dict[str, Any]] = WeakKeyDictionary()
        try:
            self._check(parameters["name"], meta)
            self._most_clauses = self._clause_limit()
        except BaseException:
            self.client.close()
            raise

    def _check(self, name: str, meta: dict[str, Any]) -> None:
        """Whether the cluster's index is what the directory was built with."""
        api, index = self.client.api, self.index
        found = self.client.call(f"opening {index}", lambda: api.indices.get(index=index, ignore=404))
        again = "build again, or fetch the directory that was built with it"
        if "error" in found:
            raise ClusterError(
                f"{self.client} has no index {index}: the catalogue {name} was replaced or removed; {again}."
            )
        about = found[index]
        there = our_meta(about)
        if there is None:
            raise ClusterError(f"{self.client}: the mapping of {index} was changed, its _meta is gone; {again}.")
        if there.get("format") != meta["format"]:
            raise ClusterError(
                f"{self.client}: {index} has the format {there.get('format')}, this version reads {meta['format']}; "
                f"{again}."
            )
        if not there.get("complete"):
            raise ClusterError(f"{self.client}: {index} was not loaded to its end; {again}.")
        if any(there.get(key) != meta[key] for key in ("fingerprint", "items", "dims")):
            raise ClusterError(
                f"{self.client}: {index} holds codes of another training ({there.get('fingerprint')}), this directory "
                f"those of {meta['fingerprint']}; {again}."
            )
        expected, present = _types(mapping(meta)), _types(about["mappings"])
        for field, wanted in expected.items():
            if present.get(field) != wanted:
                raise ClusterError(
                    f"{self.client}: the mapping of {index} was changed, the field {field} too; {again}."
                )
        documents = count_documents(self.client, index)
        if documents != meta["items"]:
            raise ClusterError(
                f"{self.client}: {index} holds {documents:,} documents and {meta['items']:,} were loaded; {again}."
            )

    def _clause_limit(self) -> int:
        try:
            settings = self.client.call(
                "asking for its settings",
                lambda: self.client.api.cluster.get_settings(
                    params={"include_defaults": "true", "filter_path": f"*.{CLAUSE_SETTING}"}
                ),
            )
        except ClusterError:  # not every user may read them
            return query_dsl.CLAUSES
        for part in ("transient", "persistent", "defaults"):
            found: Any = settings.get(part, {})
            for name in CLAUSE_SETTING.split("."):
                found = found.get(name, {})
            if found:
                return int(found)
        return query_dsl.CLAUSES

    def top(self, cut: QueryTerms, query: Query, count: int) -> Candidates:
        """As `FirstStage.top`; the sums are of the field's weights, rounded to nine bits, times query weights."""
        self._refuse_too_long(query, len(cut.terms))
        fields = self.documents.features.fields(cut.terms.tolist())
        body = query_dsl.first_stage(fields, cut.weights.tolist(), count, self._restriction(query))
        return self._asked(body, count)

    def ranked(self, query: Query, k: int, window: int, *, signed: bool, terms: int, rest: bool) -> Candidates:
        """The best `k` as the cluster ranks: see `query_dsl.ranking`."""
        self._refuse_too_long(query, terms)
        body = query_dsl.ranking(
            query.vector, k, window, signed=signed, terms=terms, rest=rest,
            clause_limit=self._most_clauses, restricted=self._restriction(query),
            features=self.documents.features,
        )  # fmt: skip
        return self._asked(body, k)

    def _asked(self, body: str, count: int) -> Candidates:
        found = self.client.call(
            "searching",
            lambda: self.client.api.search(
                index=self.index,
                body=body,
                params={
                    # A shard that fails makes the request fail, so that no part is taken for the whole.
                    "allow_partial_search_results": "false",
                    "filter_path": "hits.hits._score,hits.hits.fields",
                },
            ),
        )
        hits = found.get("hits", {}).get("hits", [])
        numbers = np.array([hit["fields"][ROW][0] for hit in hits], dtype=np.int64)
        known = self.documents.numbers
        rows = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
        if (known[rows] != numbers).any():
            raise ClusterError(f"{self.client}: documents of {self.index} were changed; build again.")
        sums = np.array([hit["_score"] for hit in hits], dtype=np.float32)
        return Candidates(rows, sums, len(rows) < count)

    def _restriction(self, query: Query) -> str:
        seen = self._documents_of(query.seen)
        if query.only is None:
            return query_dsl.restriction(seen)
        named = self._named.get(query.only)
        if named is None:
            named = self._named[query.only] = self._names(query.only)
        return query_dsl.restriction(seen + named["excluded"], **named["conditions"])

    def _names(self, only: Filter) -> dict[str, Any]:
        """A filter by names of documents, tags and numbers."""
        tags, numbers = self.documents.facets.tags, self.documents.facets.numbers

        def of_tags(wanted: Sequence[int]) -> list[str]:
            return [tags.names[number] for number in wanted] if tags else []

        conditions = {
            "tags": of_tags(only.tags),
            "any_tags": of_tags(only.any_tags),
            "no_tags": of_tags(only.no_tags),
            "ranges": [(numbers.names[one.column], one.least, one.most) for one in only.ranges] if numbers else [],
            "only": None if only.only is None else self._documents_of(only.only),
        }
        return {"excluded": self._documents_of(only.excluded), "conditions": conditions}

    def _documents_of(self, rows: Rows) -> list[str]:
        return [document_id(name) for name in self.documents.ids.take(rows).tolist()]

    def most_terms(self, query: Query) -> int:
        """All clauses but those that are no terms: one for all items that are left out, and those of the filter."""
        return self._most_clauses - 1 - (query.only.clauses if query.only else 0)

    def _refuse_too_long(self, query: Query, terms: int) -> None:
        most = self.most_terms(query)
        if terms > most:
            raise UsageError(
                f"A query has {terms:,} terms, and {most:,} fit into a request to {', '.join(self.client.urls)}: "
                f"raise {CLAUSE_SETTING} there to {terms + self._most_clauses - most:,} or more, or begin with its "
                "heaviest terms: --many-terms cut (many_terms='cut')."
            )

    def close(self) -> None:
        self.client.close()


def _types(mapped: dict[str, Any], within: str = "") -> dict[str, str]:
    """The type of each field of a mapping, those of objects by their paths."""
    types: dict[str, str] = {}
    for name, about in mapped.get("properties", {}).items():
        if "properties" in about:
            types |= _types(about, f"{within}{name}.")
        else:
            types[f"{within}{name}"] = about.get("type", "object")
    return types


def urls_of(parameters: dict[str, Any]) -> str:
    """Where an index's cluster is: what the environment says, or where it was built."""
    return os.environ.get(URL_VARIABLE) or parameters["urls"]
