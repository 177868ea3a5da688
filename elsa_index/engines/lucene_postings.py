"""Impact postings on disk: writing them, and adding them up under a query's terms."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import JavaError, StorageError
from ..ids import IdMap, Rows
from ..impacts import ImpactScale, terms_of
from ..query import QueryTerms
from .base import Counter, Progress
from .jvm import calling_java, java_class
from .store import StoredCodes

TERMS_FIELD = "contents"  # the names that Anserini's searchers look for
ID_FIELD = "id"
_EVERYTHING = 2**31 - 1
_REPORT_EVERY = 1000


def write_postings(
    store: StoredCodes, ids: IdMap, scale: ImpactScale, directory: Path, on_progress: Progress | None = None
) -> None:
    """Writes a Lucene index with one document an item, in the order of rows, merged into one segment.

    A document's terms are the signed dimensions of its code, each once, with its impact as frequency; its id is
    stored, and kept as doc values for Anserini, which breaks ties by it.
    """
    with calling_java(f"writing postings to {directory}"):
        writer = _writer(directory)
        char_sequence, string = "java.lang.CharSequence", java_class("java.lang.String")
        from jnius import cast

        field_class = java_class("org.apache.lucene.document.Field")
        terms = field_class(TERMS_FIELD, cast(char_sequence, string("")), _postings_type())
        stored = java_class("org.apache.lucene.document.StoredField")(ID_FIELD, "")
        bytes_ref = java_class("org.apache.lucene.util.BytesRef")
        values = java_class("org.apache.lucene.document.BinaryDocValuesField")(
            ID_FIELD, bytes_ref(cast(char_sequence, string("")))
        )
        document = java_class("org.apache.lucene.document.Document")()
        for field in (terms, stored, values):
            document.add(field)
        term_of = terms_of(store.dims_of.astype(np.int64), store.weights)
        impact_of = scale.quantize(store.values)
        starts = store.indptr.tolist()
        counter = Counter(store.items, on_progress)
        try:
            for row in range(store.items):
                span = slice(starts[row], starts[row + 1])
                pairs = zip(term_of[span].tolist(), impact_of[span].tolist(), strict=True)
                terms.setStringValue(" ".join(f"{term}|{impact}" for term, impact in pairs))
                encoded = ids[row].encode("utf-8")
                # pyjnius hands text over in a form that garbles emoji; bytes it leaves alone.
                stored.setStringValue(string(encoded, "UTF-8"))
                values.setBytesValue(bytes_ref(encoded))
                writer.addDocument(document)
                if (row + 1) % _REPORT_EVERY == 0:
                    counter.add(_REPORT_EVERY)
            writer.forceMerge(1)
            writer.commit()
        except BaseException:
            writer.rollback()
            raise
        writer.close()
        counter.add(store.items - counter.done)
    (directory / "write.lock").unlink(missing_ok=True)


def _writer(directory: Path):  # type: ignore[no-untyped-def]  # a Java object
    no_parameters = java_class("java.util.HashMap")
    analyzer = (
        java_class("org.apache.lucene.analysis.custom.CustomAnalyzer")
        .builder()
        .withTokenizer("whitespace", no_parameters())
        .addTokenFilter("delimitedTermFrequency", no_parameters())
        .build()
    )
    config = java_class("org.apache.lucene.index.IndexWriterConfig")(analyzer)
    config.setSimilarity(java_class("io.anserini.search.similarity.ImpactSimilarity")())
    # Merges neighbours only, so that documents keep the order in which they came: document number = row.
    config.setMergePolicy(java_class("org.apache.lucene.index.LogDocMergePolicy")())
    return java_class("org.apache.lucene.index.IndexWriter")(_open_directory(directory), config)


def _open_directory(directory: Path):  # type: ignore[no-untyped-def]  # a Java object
    path = java_class("java.nio.file.Paths").get(str(directory))
    return java_class("org.apache.lucene.store.FSDirectory").open(path)


def _postings_type():  # type: ignore[no-untyped-def]  # a Java object
    field_type = java_class("org.apache.lucene.document.FieldType")()
    field_type.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    field_type.setOmitNorms(True)
    field_type.setTokenized(True)
    field_type.freeze()
    return field_type


class LucenePostings:
    """Opened postings: the first stage. Searches may run in several threads at once."""

    def __init__(self, directory: Path, items: int) -> None:
        with calling_java(f"opening {directory}"):
            self._reader = java_class("org.apache.lucene.index.DirectoryReader").open(_open_directory(directory))
            leaves = self._reader.leaves().size()
            if self._reader.maxDoc() != items or self._reader.numDeletedDocs() or leaves != 1:
                raise StorageError(
                    f"The Lucene index in {directory} has {self._reader.numDocs():,} documents in {leaves} segments; "
                    f"{items:,} in one were written. Build it again."
                )
            searcher_class = java_class("org.apache.lucene.search.IndexSearcher")
            searcher_class.setMaxClauseCount(_EVERYTHING)
            self._searcher = searcher_class(self._reader.getContext())
            self._searcher.setSimilarity(java_class("io.anserini.search.similarity.ImpactSimilarity")())
            self._parser_class = java_class("org.apache.lucene.queryparser.classic.QueryParser")
            self._analyzer = java_class("org.apache.lucene.analysis.core.WhitespaceAnalyzer")()
            self._json = java_class("com.fasterxml.jackson.databind.ObjectMapper")()
            self._managers = _collector_managers()

    def top(self, query: QueryTerms, count: int) -> tuple[Rows, npt.NDArray[np.float32]]:
        """As `FirstStage.top`: three crossings into Java, to make the query, to run it, to bring the hits back."""
        text = " ".join(
            f"{term}^{weight}" for term, weight in zip(query.terms.tolist(), query.weights.tolist(), strict=True)
        )
        with calling_java("searching"):
            parsed = self._parser_class(TERMS_FIELD, self._analyzer).parse(text)
            hits = self._searcher.search(parsed, self._managers(count))
            found = json.loads(bytes(self._json.writeValueAsBytes(hits)))["scoreDocs"]
        rows = np.fromiter((hit["doc"] for hit in found), np.int64, len(found))
        return rows, np.fromiter((hit["score"] for hit in found), np.float32, len(found))

    def close(self) -> None:
        with calling_java("closing"):
            self._reader.close()


def _collector_managers():  # type: ignore[no-untyped-def]  # Java objects by count
    """Collectors of complete top hits: scoring everything beats skipping on these postings."""
    try:
        manager = java_class("org.apache.lucene.search.TopScoreDocCollectorManager")
    except JavaError:  # Lucene 9.9 has it under another name
        collector = java_class("org.apache.lucene.search.TopScoreDocCollector")
        return lambda count: collector.createSharedManager(count, None, _EVERYTHING)
    return lambda count: manager(count, None, _EVERYTHING)
