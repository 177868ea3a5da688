"""Writing impact postings: one Lucene document per item."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codes.impacts import terms_of
from ...codes.query_vector import Vector
from ...data.facets import NO_FACETS, Facets
from ...storage.ids import IdMap, Rows
from ..batching import Counter
from ..contract import Progress
from ..stored_codes import StoredCodes
from .jvm import FIRST_USE, calling_java, java_class

TERMS_FIELD = "contents"  # the names that Anserini's searchers look for
ID_FIELD = "id"
ROW_FIELD = "row"
TAG_FIELD = "tag"
NUMBER_FIELD = "number"
_REPORT_EVERY = 1000
_SMALL, _MOST_ALIKE = 0.1, 2
"""Segments of a smaller share of all documents are merged as soon as there are so many of them, and larger ones too, of
a size: merging takes two seconds for a million documents, and each segment costs every term of a query a look."""


def write_postings(
    store: StoredCodes,
    ids: IdMap,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
    directory: Path,
    facets: Facets = NO_FACETS,
    on_progress: Progress | None = None,
) -> None:
    """Writes a Lucene index with one document per item, in the order of rows, merged into one segment.

    A document's terms are the signed dimensions of its code, each once, with its impact as frequency. Its id is
    stored, and kept as doc values for Anserini, which breaks ties by it; its number, which is its row, as doc values,
    for lists of items to leave out; its tags as terms to filter by, its numbers as points. Memory does not grow with
    the number of items. One thread feeds Lucene, which merges in others: a second one gains nothing, four fifths of the
    time goes into making and handing over text, under Python's interpreter lock.
    """
    with FIRST_USE, calling_java(f"writing postings to {directory}"), _Writer(directory) as writer:
        _add_documents(writer, store, np.arange(store.items), ids, impacts_of, facets, on_progress)
        writer.forceMerge(1)


def change_postings(
    directory: Path,
    gone: Rows,
    store: StoredCodes,
    numbers: Rows,
    ids: IdMap,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
    facets: Facets = NO_FACETS,
) -> None:
    """Deletes documents from a Lucene index and adds others at its end, in one commit. gone: numbers of those that are
    deleted. store, numbers: codes of those that are added, and their numbers, which no document had before. ids,
    facets: of all items afterwards, of which those that are added are the last.
    """
    import jpype

    with FIRST_USE, calling_java(f"writing postings to {directory}"), _Writer(directory, gathers=len(ids)) as writer:
        if len(gone):
            row = java_class("org.apache.lucene.document.NumericDocValuesField")
            writer.deleteDocuments([row.newSlowSetQuery(ROW_FIELD, jpype.JArray(jpype.JLong)(gone))])
        if store.items:
            _add_documents(writer, store, numbers, ids, impacts_of, facets)


def merge_postings(directory: Path) -> None:
    """Merges a Lucene index into one segment, without what was deleted."""
    with FIRST_USE, calling_java(f"merging postings in {directory}"), _Writer(directory) as writer:
        writer.forceMerge(1)


def _add_documents(
    writer: Any,
    store: StoredCodes,
    numbers: Rows,
    ids: IdMap,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
    facets: Facets,
    on_progress: Progress | None = None,
) -> None:
    """Adds a document for each of the last items, `store.items` of them."""
    first = len(ids) - store.items
    rows = np.arange(first, len(ids))
    tags_of = facets.tags.by_row(rows) if facets.tags else None
    values_of = facets.numbers.of_rows(rows) if facets.numbers else None
    counter = Counter(store.items, on_progress)
    documents = _Documents(has_tags=facets.tags is not None, points=len(facets.numbers.names) if facets.numbers else 0)
    for at, text in _texts(store, impacts_of):
        tags, values = tags_of[at] if tags_of else (), values_of[at] if values_of else ()
        writer.addDocument(documents.of(ids[first + at], int(numbers[at]), text, tags, values))
        if at % _REPORT_EVERY == _REPORT_EVERY - 1:
            counter.add(_REPORT_EVERY)
    counter.add(store.items - counter.done)


def _texts(store: StoredCodes, impacts_of: Callable[[Vector], npt.NDArray[np.int64]]) -> Iterator[tuple[int, str]]:
    """Each row with its terms and impacts as text: term|impact, separated by spaces."""
    formats = {length: " ".join(["%d|%d"] * length) for length in np.unique(store.lengths).tolist()}
    for chunk in store.chunks():
        pairs = np.stack([terms_of(chunk.dims_of, chunk.values), impacts_of(chunk.values)], axis=1)
        flat = tuple(pairs.ravel().tolist())
        for row, begin, end in zip(chunk.rows, chunk.starts, chunk.starts[1:], strict=False):
            yield row, formats[end - begin] % flat[2 * begin : 2 * end]


class _Documents:
    """One document whose fields get new values for every item: Lucene copies what it is given.

    Methods are bound once and each id crosses once: this runs for every item.
    """

    def __init__(self, *, has_tags: bool, points: int = 0) -> None:
        """points: how many numbers an item may have."""
        self._string = java_class("java.lang.String")
        self._bytes = java_class("org.apache.lucene.util.BytesRef")
        field = java_class("org.apache.lucene.document.Field")
        terms = field(TERMS_FIELD, "", _postings_type())
        stored = java_class("org.apache.lucene.document.StoredField")(ID_FIELD, "")
        values = java_class("org.apache.lucene.document.BinaryDocValuesField")(ID_FIELD, self._bytes(""))
        row = java_class("org.apache.lucene.document.NumericDocValuesField")(ROW_FIELD, 0)
        tags = field(TAG_FIELD, "", _postings_type())
        self._set_terms, self._set_stored, self._set_tags = (part.setStringValue for part in (terms, stored, tags))
        self._set_value, self._set_row = values.setBytesValue, row.setLongValue
        self._always = (terms, stored, values, row, *([tags] if has_tags else []))
        # Not even looked at where there are none: what JPype knows of a class takes memory of Java's.
        point: Any = java_class("org.apache.lucene.document.DoublePoint") if points else None
        self._points = [point(f"{NUMBER_FIELD}{at}", 0.0) for at in range(points)]
        self._set_points = [one.setDoubleValue for one in self._points]
        self._new_document = java_class("org.apache.lucene.document.Document")
        self._by_points: dict[tuple[int, ...], Any] = {}

    def _with_points(self, which: tuple[int, ...]) -> Any:
        """A document with these points, made once."""
        if which not in self._by_points:
            made = self._by_points[which] = self._new_document()
            for part in (*self._always, *(self._points[at] for at in which)):
                made.add(part)
        return self._by_points[which]

    def of(self, item: str, number: int, text: str, tags: Sequence[int], values: Sequence[float] = ()) -> Any:
        """values: its numbers, NaN for what it has none of."""
        name = self._string(item)
        self._set_terms(text)
        self._set_stored(name)
        self._set_value(self._bytes(name))
        self._set_row(number)
        self._set_tags(" ".join(map(str, tags)))
        there = tuple(at for at, value in enumerate(values) if value == value)
        for at in there:
            self._set_points[at](values[at])
        return self._with_points(there)


class _Writer:
    """An IndexWriter as a context: committed at the end, rolled back where something fails.

    gathers: how many documents there are, where what is added is merged with what was added before, so that many small
    changes leave few segments; 0 where it is not.
    """

    def __init__(self, directory: Path, *, gathers: int = 0) -> None:
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
        config.setUseCompoundFile(bool(gathers))  # few files where segments are many
        # Merges neighbours only, so that documents keep the order in which they came, which is that of rows.
        policy = java_class("org.apache.lucene.index.LogDocMergePolicy")()
        if gathers:
            policy.setMergeFactor(_MOST_ALIKE)
            policy.setMinMergeDocs(max(1, int(_SMALL * gathers)))
        config.setMergePolicy(policy)
        self._path, self._directory = directory, open_directory(directory)
        self._writer = java_class("org.apache.lucene.index.IndexWriter")(self._directory, config)

    def __enter__(self) -> Any:
        return self._writer

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._writer.close()
        else:
            self._writer.rollback()
        self._directory.close()
        (self._path / "write.lock").unlink(missing_ok=True)


def open_directory(directory: Path) -> Any:
    path = java_class("java.nio.file.Paths").get(str(directory))
    return java_class("org.apache.lucene.store.FSDirectory").open(path)


def _postings_type() -> Any:
    field_type = java_class("org.apache.lucene.document.FieldType")()
    field_type.setIndexOptions(java_class("org.apache.lucene.index.IndexOptions").DOCS_AND_FREQS)
    field_type.setOmitNorms(True)
    field_type.setTokenized(True)
    field_type.freeze()
    return field_type
