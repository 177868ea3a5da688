"""Writing impact postings: one Lucene document per item."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codes.impacts import terms_of
from ...codes.query_vector import Vector
from ...data.tags import Tags
from ...storage.ids import IdMap, Rows
from ..batching import Counter
from ..contract import Progress
from ..stored_codes import StoredCodes
from .jvm import FIRST_USE, calling_java, java_class

TERMS_FIELD = "contents"  # the names that Anserini's searchers look for
ID_FIELD = "id"
ROW_FIELD = "row"
TAG_FIELD = "tag"
_REPORT_EVERY = 1000
_SMALL, _MOST_ALIKE = 0.1, 2
"""Segments of a smaller share of all documents are merged as soon as there are so many of them, and larger ones too, of
a size: merging takes two seconds for a million documents, and each segment costs every term of a query a look."""


def write_postings(
    store: StoredCodes,
    ids: IdMap,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
    directory: Path,
    tags: Tags | None = None,
    on_progress: Progress | None = None,
) -> None:
    """Writes a Lucene index with one document per item, in the order of rows, merged into one segment.

    A document's terms are the signed dimensions of its code, each once, with its impact as frequency. Its id is
    stored, and kept as doc values for Anserini, which breaks ties by it; its number, which is its row, as doc values,
    for lists of items to leave out; its tags as terms to filter by. Memory does not grow with the number of items. One
    thread feeds Lucene, which merges in others: a second one gains nothing, four fifths of the time goes into making
    and handing over text, under Python's interpreter lock.
    """
    with FIRST_USE, calling_java(f"writing postings to {directory}"), _Writer(directory) as writer:
        _add_documents(writer, store, np.arange(store.items), ids, impacts_of, tags, on_progress)
        writer.forceMerge(1)


def change_postings(
    directory: Path,
    gone: Rows,
    store: StoredCodes,
    numbers: Rows,
    ids: IdMap,
    impacts_of: Callable[[Vector], npt.NDArray[np.int64]],
    tags: Tags | None = None,
) -> None:
    """Deletes documents from a Lucene index and adds others at its end, in one commit. gone: numbers of those that are
    deleted. store, numbers: codes of those that are added, and their numbers, which no document had before. ids, tags:
    of all items afterwards, of which those that are added are the last.
    """
    import jpype

    with FIRST_USE, calling_java(f"writing postings to {directory}"), _Writer(directory, gathers=len(ids)) as writer:
        if len(gone):
            row = java_class("org.apache.lucene.document.NumericDocValuesField")
            writer.deleteDocuments([row.newSlowSetQuery(ROW_FIELD, jpype.JArray(jpype.JLong)(gone))])
        if store.items:
            _add_documents(writer, store, numbers, ids, impacts_of, tags)


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
    tags: Tags | None,
    on_progress: Progress | None = None,
) -> None:
    """Adds a document for each of the last items, `store.items` of them."""
    first = len(ids) - store.items
    tags_of = tags.by_row(np.arange(first, tags.items)) if tags else None
    counter = Counter(store.items, on_progress)
    documents = _Documents(has_tags=tags is not None)
    for at, text in _texts(store, impacts_of):
        writer.addDocument(documents.of(ids[first + at], int(numbers[at]), text, tags_of[at] if tags_of else ()))
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

    def __init__(self, *, has_tags: bool) -> None:
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
        self._document = java_class("org.apache.lucene.document.Document")()
        for part in (terms, stored, values, row, *([tags] if has_tags else [])):
            self._document.add(part)

    def of(self, item: str, number: int, text: str, tags: Sequence[int]) -> Any:
        name = self._string(item)
        self._set_terms(text)
        self._set_stored(name)
        self._set_value(self._bytes(name))
        self._set_row(number)
        self._set_tags(" ".join(map(str, tags)))
        return self._document


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
