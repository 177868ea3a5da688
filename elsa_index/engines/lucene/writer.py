"""Writing impact postings: one Lucene document per item."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...codes.impacts import terms_of
from ...codes.query_vector import Vector
from ...data.tags import Tags
from ...storage.ids import IdMap
from ..batching import Counter
from ..contract import Progress
from ..stored_codes import StoredCodes
from .jvm import FIRST_USE, calling_java, java_class

TERMS_FIELD = "contents"  # the names that Anserini's searchers look for
ID_FIELD = "id"
ROW_FIELD = "row"
TAG_FIELD = "tag"
_REPORT_EVERY = 1000


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
    stored, and kept as doc values for Anserini, which breaks ties by it; its row as doc values, for lists of items to
    leave out; its tags as terms to filter by. Memory does not grow with the number of items. One thread feeds Lucene,
    which merges in others: a second one gains nothing, four fifths of the time goes into making and handing over
    text, under Python's interpreter lock.
    """
    tags_of = tags.by_row() if tags else None
    counter = Counter(store.items, on_progress)
    with FIRST_USE, calling_java(f"writing postings to {directory}"):
        documents = _Documents(ids, tags_of)
        with _Writer(directory) as writer:
            for row, text in _texts(store, impacts_of):
                writer.addDocument(documents.of(row, text))
                if row % _REPORT_EVERY == _REPORT_EVERY - 1:
                    counter.add(_REPORT_EVERY)
            writer.forceMerge(1)
    (directory / "write.lock").unlink(missing_ok=True)
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

    def __init__(self, ids: IdMap, tags_of: list[list[int]] | None) -> None:
        self._ids, self._tags_of = ids, tags_of
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
        for part in (terms, stored, values, row, *([tags] if tags_of else [])):
            self._document.add(part)

    def of(self, row: int, text: str) -> Any:
        name = self._string(self._ids[row])
        self._set_terms(text)
        self._set_stored(name)
        self._set_value(self._bytes(name))
        self._set_row(row)
        if self._tags_of:
            self._set_tags(" ".join(map(str, self._tags_of[row])))
        return self._document


class _Writer:
    """An IndexWriter as a context: committed at the end, rolled back where something fails."""

    def __init__(self, directory: Path) -> None:
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
        config.setUseCompoundFile(False)
        # Merges neighbours only, so that documents keep the order in which they came: document number = row.
        config.setMergePolicy(java_class("org.apache.lucene.index.LogDocMergePolicy")())
        self._directory = open_directory(directory)
        self._writer = java_class("org.apache.lucene.index.IndexWriter")(self._directory, config)

    def __enter__(self) -> Any:
        return self._writer

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._writer.close()
        else:
            self._writer.rollback()
        self._directory.close()


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
