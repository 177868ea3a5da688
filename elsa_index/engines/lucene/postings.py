"""Impact postings, opened: adding them up under a query's terms."""

from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary, finalize

import numpy as np
import numpy.typing as npt

from ...codes.query_terms import QueryTerms
from ...data.numbers import Range
from ...errors import JavaError, StorageError
from ...storage.ids import Rows
from ..contract import Filter, Query
from ..two_stage import Candidates
from .jvm import FIRST_USE, JAVA, calling_java, java_class
from .writer import NUMBER_FIELD, ROW_FIELD, TAG_FIELD, TERMS_FIELD, open_directory

_EVERYTHING = 2**31 - 1
_SPARE, _MOST_DROPPED = 1.25, 50_000
"""How many more hits than should be needed are asked for where some do not pass a filter, and how many at most: more
take longer to bring back than Lucene's own filter takes."""
_have_been_called = False


class LucenePostings:
    """The first stage. Searches may run in several threads at once.

    numbers: (items,) what each item's document is numbered by, ascending; its row where None. A deleted document keeps
    its number in Lucene until it is merged away.
    """

    def __init__(self, directory: Path, items: int, numbers: Rows | None = None) -> None:
        self.most_candidates, self.numbers = items, numbers
        with FIRST_USE, calling_java(f"opening {directory}"):
            self._reader = java_class("org.apache.lucene.index.DirectoryReader").open(open_directory(directory))
            # Java would keep the files mapped, although nobody holds the reader.
            self._closing = finalize(self, _close, self._reader)
            self._closing.atexit = False
            if self._reader.numDocs() != items:
                raise StorageError(
                    f"The Lucene index in {directory} has {self._reader.numDocs():,} documents; {items:,} were "
                    "written. Build it again."
                )
            self._rows_of = _rows_of_documents(self._reader) if self._reader.hasDeletions() else None
            searcher_class = java_class("org.apache.lucene.search.IndexSearcher")
            searcher_class.setMaxClauseCount(_EVERYTHING)
            self.searcher = searcher_class(self._reader)
            self.searcher.setSimilarity(java_class("io.anserini.search.similarity.ImpactSimilarity")())
            self._parser = java_class("org.apache.lucene.queryparser.classic.QueryParser")
            self._analyzer = java_class("org.apache.lucene.analysis.core.WhitespaceAnalyzer")()
            self.collectors = _complete_collectors()
            self.hits = _Hits()
            self._filters: WeakKeyDictionary[Filter, Any] = WeakKeyDictionary()
            self._call_all_methods()

    def most_terms(self, query: Query) -> int:
        return _EVERYTHING

    def top(self, cut: QueryTerms, query: Query, count: int) -> Candidates:
        """As `FirstStage.top`: one crossing into Java to make the query, one to run it, few to bring the hits back.

        Items that were seen are asked for too: leaving out a few afterwards costs less than a filter per query. So does
        leaving out what does not pass a filter, as long as that is not most: Lucene adds up a long query's lists twice
        to six times as fast where it need not look at each document first (a million items, 192 terms).
        """
        asked = min(count + len(query.seen), self.most_candidates)
        only = query.only
        if only is None:
            return self._top(cut, None, asked)
        wide = int(_SPARE * asked * self.most_candidates / max(only.count, 1)) + 1
        while wide <= min(_MOST_DROPPED, self.most_candidates):
            found = self._top(cut, None, wide)
            passing = np.flatnonzero(only.passes(found.rows))
            if found.complete or len(passing) >= asked:
                return Candidates(found.rows.take(passing), found.sums.take(passing), found.complete)
            wide *= 4
        return self._top(cut, only, asked)

    def _top(self, cut: QueryTerms, only: Filter | None, asked: int) -> Candidates:
        with calling_java("searching"):
            rows, sums = self._hits(cut, only, asked)
        if self._rows_of is not None:
            rows = self._rows_of.take(rows)
        last = int(np.max(rows, initial=0))
        if last >= self.most_candidates:
            raise StorageError(f"The postings are damaged: they name row {last:,}. Build the index again.")
        return Candidates(rows, sums, len(rows) < asked)

    def _hits(self, cut: QueryTerms, only: Filter | None, asked: int) -> tuple[Rows, npt.NDArray[np.float32]]:
        parsed = self.parsed(cut)
        if only is not None:
            parsed = self._filtered(parsed, only)
        return self.hits.read(self.searcher.search(parsed, self.collectors(asked)))

    def _call_all_methods(self) -> None:
        """All that searches call, once in a process: see `FIRST_USE`."""
        global _have_been_called
        if not _have_been_called:
            one = np.ones(1, dtype=np.int64)
            everything = Filter(self.most_candidates, (0,), (0,), (0,), (Range(0, 0.0, 1.0),), one, one)
            for weights in (one, 2 * one):
                for only in (None, everything):
                    self._hits(QueryTerms(one, weights, 1.0, np.zeros(0)), only, 1)
            _have_been_called = True

    def parsed(self, query: QueryTerms) -> Any:
        """The Lucene query: a sum over terms, each times its weight."""
        if (query.weights == 1).all():
            return self._parser(TERMS_FIELD, self._analyzer).parse(" ".join(map(str, query.terms.tolist())))
        pairs = tuple(np.stack([query.terms, query.weights], axis=1).ravel().tolist())
        return self._parser(TERMS_FIELD, self._analyzer).parse("%d^%d " * len(query.terms) % pairs)

    def _filtered(self, scored: Any, only: Filter) -> Any:
        """The query, restricted to documents that pass."""
        clause = java_class("org.apache.lucene.search.BooleanClause$Occur")
        builder = java_class("org.apache.lucene.search.BooleanQuery$Builder")()
        builder.add(scored, clause.MUST)
        restriction = self._filters.get(only)
        if restriction is None:
            restriction = self._filters[only] = self._restriction(only)
        wanted, unwanted = restriction
        for part in wanted:
            builder.add(part, clause.FILTER)
        for part in unwanted:
            builder.add(part, clause.MUST_NOT)
        return builder.build()

    def _restriction(self, only: Filter) -> tuple[list[Any], list[Any]]:
        """What documents must all be, and what they must not."""
        clause = java_class("org.apache.lucene.search.BooleanClause$Occur")
        builder = java_class("org.apache.lucene.search.BooleanQuery$Builder")
        point = java_class("org.apache.lucene.document.DoublePoint")
        wanted = [self._with_tag(number) for number in only.tags]
        if only.any_tags:
            either = builder()
            for number in only.any_tags:
                either.add(self._with_tag(number), clause.SHOULD)
            wanted.append(either.build())
        wanted += [point.newRangeQuery(f"{NUMBER_FIELD}{one.column}", one.least, one.most) for one in only.ranges]
        if only.only is not None:
            wanted.append(self._of_rows(only.only))
        unwanted = [self._with_tag(number) for number in only.no_tags]
        if len(only.excluded):
            unwanted.append(self._of_rows(only.excluded))
        return wanted, unwanted

    def _with_tag(self, number: int) -> Any:
        term, term_query = (java_class(f"org.apache.lucene.{name}") for name in ("index.Term", "search.TermQuery"))
        return term_query(term(TAG_FIELD, str(number)))

    def _of_rows(self, rows: Rows) -> Any:
        """A query for the documents of some items."""
        import jpype

        numbers = rows if self.numbers is None else self.numbers[rows].astype(np.int64)
        values = java_class("org.apache.lucene.document.NumericDocValuesField")
        return values.newSlowSetQuery(ROW_FIELD, jpype.JArray(jpype.JLong)(numbers))

    @property
    def written(self) -> int:
        """Postings in Lucene, those of deleted documents included until they are merged away."""
        with calling_java("counting postings"):
            return int(self._reader.getSumDocFreq(TERMS_FIELD))

    def close(self) -> None:
        self._closing()


def _close(reader: Any) -> None:
    if JAVA.lives:
        with FIRST_USE, calling_java("closing"):
            reader.close()


def _rows_of_documents(reader: Any) -> Rows:
    """(documents,) the row of each that lives, which are in the order of rows.

    One crossing into Java for each segment: a stream over its documents, through a predicate that Java makes from the
    method handle of its bits.
    """
    import jpype

    handles, kind = java_class("java.lang.invoke.MethodHandles"), java_class("java.lang.invoke.MethodType").methodType
    bits = java_class("org.apache.lucene.util.Bits")
    get = handles.publicLookup().findVirtual(bits, "get", kind(jpype.JBoolean, jpype.JInt))
    predicate, proxies = java_class("java.util.function.IntPredicate"), "java.lang.invoke.MethodHandleProxies"
    lives = np.zeros(reader.maxDoc(), dtype=bool)
    for leaf in reader.leaves():
        segment, first = leaf.reader(), int(leaf.docBase)
        alive = segment.getLiveDocs()
        if alive is None:
            lives[first : first + segment.maxDoc()] = True
            continue
        is_alive = java_class(proxies).asInterfaceInstance(predicate, get.bindTo(alive))
        stream = java_class("java.util.stream.IntStream").range(0, segment.maxDoc())
        lives[first + np.asarray(stream.filter(is_alive).toArray())] = True
    return np.cumsum(lives) - 1


class _Hits:
    """Reads top hits as one array: a Java stream over their public fields, as a loop here would cross once per field.

    A stream wants a function object, and Java makes one from method handles, without a class of ours: the bits of a
    hit's score times 2³² plus its document, one long.
    """

    def __init__(self) -> None:
        import jpype

        handles = java_class("java.lang.invoke.MethodHandles")
        lookup, kind = handles.publicLookup(), java_class("java.lang.invoke.MethodType").methodType
        hit, long, integer = java_class("org.apache.lucene.search.ScoreDoc"), jpype.JLong, jpype.JInt

        def static(owner: str, name: str, *types: Any) -> Any:
            return lookup.findStatic(java_class(f"java.lang.{owner}"), name, kind(*types))

        document = lookup.findGetter(hit, "doc", integer).asType(kind(long, hit))
        bits = static("Float", "floatToIntBits", integer, jpype.JFloat)
        score = handles.filterReturnValue(lookup.findGetter(hit, "score", jpype.JFloat), bits).asType(kind(long, hit))
        shift = handles.insertArguments(static("Math", "multiplyExact", long, long, long), 1, long(1 << 32))
        add = static("Math", "addExact", long, long, long)
        both = handles.filterArguments(add, 0, handles.filterReturnValue(score, shift), document)
        twice = handles.permuteArguments(both, kind(long, hit), jpype.JArray(integer)([0, 0]))
        function, proxies = java_class("java.util.function.ToLongFunction"), "java.lang.invoke.MethodHandleProxies"
        read = twice.asType(kind(long, java_class("java.lang.Object")))
        self._read = java_class(proxies).asInterfaceInstance(function, read)
        self._stream = java_class("java.util.Arrays").stream

    def read(self, top: Any) -> tuple[Rows, npt.NDArray[np.float32]]:
        """(hits,) rows and sums."""
        longs = np.asarray(self._stream(top.scoreDocs).mapToLong(self._read).toArray())
        return longs & 0xFFFFFFFF, (longs >> 32).astype(np.int32).view(np.float32)


def _complete_collectors() -> Any:
    """Makes collectors of complete top hits by count: scoring everything beats skipping on these postings."""
    try:
        manager = java_class("org.apache.lucene.search.TopScoreDocCollectorManager")
    except JavaError:  # Lucene 9.9 has it under another name
        collector = java_class("org.apache.lucene.search.TopScoreDocCollector")
        return lambda count: collector.createSharedManager(count, None, _EVERYTHING)
    return lambda count: manager(count, None, _EVERYTHING)
