"""What a search is asked for, checked against what its index can do."""

from typing import get_args

from ..catalogue.manifest import Manifest
from ..engines.contract import Capabilities, SearchOptions
from ..engines.names import ManyTerms, RankName
from ..errors import UsageError


def search_options(
    manifest: Manifest,
    able: Capabilities,
    *,
    k: int,
    exact: bool,
    query_terms: int | None,
    candidates: int | None,
    threads: int,
    effort: int | None,
    rank: RankName,
    many_terms: ManyTerms | None,
) -> SearchOptions:
    """The engine's options for the parameters of `Index.search`, which see: as calibrated where nothing else is asked.

    Raises UsageError for values out of range and for what the engine cannot do.
    """
    for name, value in (
        ("k", k),
        ("query_terms", query_terms),
        ("candidates", candidates),
        ("threads", threads),
        ("effort", effort),
    ):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, got {value}.")
    engine = manifest.engine
    cut = query_terms is not None or candidates is not None
    if exact and not able.exact:
        raise UsageError(
            f"The engine {engine} is approximate and cannot prove an answer; use lucene, faiss-flat or exact."
        )
    if cut and not able.cuts_queries:
        raise UsageError(f"query_terms and candidates are for lucene and opensearch; this index is {engine}.")
    if cut and exact:
        raise UsageError("exact chooses terms and candidates itself; leave out query_terms and candidates.")
    if effort is not None and not able.efforts:
        raise UsageError(f"effort is for faiss-hnsw and faiss-ivfpq; this index is {engine}.")
    if many_terms is not None and not able.ranks:
        raise UsageError(f"many_terms is for the engine opensearch; this index is {engine}.")
    many_terms = many_terms or ("cut" if rank == "client" else "refuse")
    if many_terms not in get_args(ManyTerms):
        raise UsageError(f"many_terms must be {' or '.join(get_args(ManyTerms))}, got {many_terms!r}.")
    k = min(k, manifest.codes.items)
    if rank != "client":
        if rank not in able.ranks:
            allowed = f"must be {', '.join(able.ranks)}" if able.ranks else "is for the engine opensearch"
            raise UsageError(f"rank {allowed}; got {rank!r} for an index that is {engine}.")
        if exact:
            raise UsageError(f"rank {rank} cannot prove an answer; use rank client.")
        return SearchOptions(k, False, query_terms, candidates, threads, rank=rank, many_terms=many_terms)
    if manifest.calibration is not None and not exact and not cut:
        chosen = manifest.calibration
        terms, candidates = chosen.query_terms, chosen.candidates_for(k)
        return SearchOptions(k, False, terms, candidates, threads, many_terms=many_terms)
    return SearchOptions(k, able.exact and not cut, query_terms, candidates, threads, effort, many_terms=many_terms)
