"""What a search is asked for: names, defaults and limits, for Python, the command line, HTTP and benchmarks alike."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from ..catalogue.filters import ALL_ITEMS, Filters
from ..engines.names import ManyTerms, RankName
from ..errors import UsageError
from ..limits import AT_LEAST_ONE, THREADS, Limits, check_limits

if TYPE_CHECKING:
    from ..catalogue.manifest import Manifest
    from ..engines.contract import Capabilities, SearchPlan
    from .boosts import Boost

Fallback = Literal["none", "popular"]
DiversityBy = Literal["segments", "codes"]


@dataclass(frozen=True)
class SearchOptions:
    """What a search is asked for.

    Attributes:
        k: Items per history.
        filters: Which items may be returned.
        keep_seen: Whether a history's own items may be returned too.
        offset: Items of each ranking that are left out, the best ones: for the next page.
        boosts: What scores are multiplied by: see `Boost`, also as text, `tag:new=1.5`.
        diversity: From 0, the best items whatever they have in common, to 1: an item loses its score's share by its
            similarity to one that was taken.
        diversity_by: What makes items similar: `segments` (one and the same), or the cosine of their `codes`; None: the
            first that the index has.
        fallback: What histories without a known item get: nothing, or the most popular items.
        exact: Prove that the answer is the exhaustive top k of the stored codes. Without it, and without query_terms or
            candidates, an index answers as it was calibrated, and exactly if it never was.
        query_terms: Of the first stage, where the engine has one; promises nothing.
        candidates: To rescore; promises nothing.
        effort: How far an approximate engine looks: efSearch of faiss-hnsw, nprobe of faiss-ivfpq, query_cut of
            seismic.
        rank: Who ranks, for the engine opensearch: the `client`, from the stored codes, the `server`, to the nine bits
            that the cluster keeps, or its `first-stage` alone, by upper bounds.
        many_terms: What becomes of a query with more terms than the cluster takes: `refuse`, or `cut` it to the
            heaviest and finish it from the stored codes (client) or by rescoring; None cuts for the client, whose
            answers are as good then, and refuses for the others.
        threads: Over histories.

    Raises:
        UsageError: For values out of range.

    >>> SearchOptions(k=0)
    Traceback (most recent call last):
    elsa_index.errors.UsageError: k must be at least 1, got 0.
    """

    k: int = 10
    filters: Filters = ALL_ITEMS
    fallback: Fallback = "none"
    exact: bool = False
    query_terms: int | None = None
    candidates: int | None = None
    effort: int | None = None
    rank: RankName = "client"
    many_terms: ManyTerms | None = None
    threads: int = 1
    keep_seen: bool = False
    offset: int = 0
    boosts: Sequence["Boost | str"] = ()
    diversity: float = 0.0
    diversity_by: DiversityBy | None = None

    LIMITS: ClassVar[dict[str, Limits]] = {
        **dict.fromkeys(("k", "query_terms", "candidates", "effort"), AT_LEAST_ONE),
        "threads": THREADS,
        "offset": Limits(0),
        "diversity": Limits(0, 1, whole=False),
    }

    def __post_init__(self) -> None:
        check_limits(self, self.LIMITS)
        if not isinstance(self.keep_seen, bool):
            raise UsageError(f"keep_seen must be True or False, got {self.keep_seen!r}.")
        if self.diversity_by is not None and not self.diversity:
            raise UsageError("diversity_by says what makes items similar, and diversity is 0: set both.")
        if self.fallback not in get_args(Fallback):
            raise UsageError(f"fallback must be {' or '.join(get_args(Fallback))}, got {self.fallback!r}.")
        if self.many_terms is not None and self.many_terms not in get_args(ManyTerms):
            raise UsageError(f"many_terms must be {' or '.join(get_args(ManyTerms))}, got {self.many_terms!r}.")
        if isinstance(self.boosts, str) or not isinstance(self.boosts, Iterable):
            raise UsageError(f"boosts are a list, ['tag:new=1.5']; got {self.boosts!r}.")
        if self.diversity_by is not None and self.diversity_by not in get_args(DiversityBy):
            raise UsageError(f"diversity_by must be {' or '.join(get_args(DiversityBy))}, got {self.diversity_by!r}.")
        if self.cuts and self.exact:
            raise UsageError("exact chooses terms and candidates itself; leave out query_terms and candidates.")

    @property
    def cuts(self) -> bool:
        """Whether terms or candidates are chosen here, and not by the index."""
        return self.query_terms is not None or self.candidates is not None

    @property
    def reranks(self) -> bool:
        """Whether an engine's scores are not those that items are ranked by."""
        return bool(self.boosts) or self.diversity > 0

    def plan(self, manifest: "Manifest", able: "Capabilities", k: int | None = None) -> "SearchPlan":
        """What the engine of an index does: as calibrated where nothing else is asked. k: how many items it returns;
        None: as many as are asked for.

        Raises UsageError for what the engine cannot do.
        """
        from ..engines.contract import SearchPlan

        self._refuse_what_is_for_others(manifest.engine, able)
        k = min(self.k + self.offset if k is None else k, manifest.codes.items)
        exact, terms, candidates = able.exact and not self.cuts, self.query_terms, self.candidates
        calibrated = False
        if self.rank != "client":
            exact = False
        elif manifest.calibration is not None and not self.exact and not self.cuts:
            exact, calibrated, terms = False, True, manifest.calibration.query_terms
            candidates = manifest.calibration.candidates_for(k)
        return SearchPlan(
            k=k,
            exact=exact,
            query_terms=terms,
            candidates=candidates,
            threads=self.threads,
            effort=self.effort,
            rank=self.rank,
            calibrated=calibrated,
            many_terms=self.many_terms or ("cut" if self.rank == "client" else "refuse"),
        )

    def _refuse_what_is_for_others(self, engine: str, able: "Capabilities") -> None:
        if self.exact and not able.exact:
            raise UsageError(
                f"The engine {engine} is approximate and cannot prove an answer; use lucene, faiss-flat or exact."
            )
        if self.cuts and not able.cuts_queries:
            without = "" if able.keeps_codes else " without stored codes"
            raise UsageError(
                f"query_terms and candidates are for lucene and opensearch; this index is {engine}{without}."
            )
        if self.effort is not None and not able.efforts:
            raise UsageError(f"effort is for faiss-hnsw and faiss-ivfpq; this index is {engine}.")
        if self.many_terms is not None and not able.ranks:
            raise UsageError(f"many_terms is for the engine opensearch; this index is {engine}.")
        if self.rank != "client" and self.rank not in able.ranks:
            allowed = f"must be {', '.join(able.ranks)}" if able.ranks else "is for the engine opensearch"
            raise UsageError(f"rank {allowed}; got {self.rank!r} for an index that is {engine}.")
        if self.rank != "client" and self.exact:
            raise UsageError(f"rank {self.rank} cannot prove an answer; use rank client.")
