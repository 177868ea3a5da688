"""Export in the Common Index File Format: a header, postings lists, document records; Lin et al., SIGIR 2020."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..codes.impacts import terms_of
from ..engines.batching import Counter
from .anserini import about_scale, write_queries
from .parts import write_template
from .source import Source

FILE = "codes.ciff"
_REPORT_EVERY = 1000


def write_ciff(source: Source, directory: Path, counter: Counter) -> None:
    """codes.ciff, queries.jsonl, README.md. Impacts are term frequencies; a document's length is their sum."""
    store, ids = source.store, source.catalogue.ids
    values = store.values
    impacts = source.scale.quantize(values)
    terms = terms_of(store.dims_of, values)
    lengths = np.add.reduceat(impacts, store.indptr[:-1])
    messages = _messages()
    with (directory / FILE).open("wb") as file:
        lists = len(np.unique(terms))
        header = messages["Header"](
            version=1, num_postings_lists=lists, num_docs=store.items, total_postings_lists=lists,
            total_docs=store.items, total_terms_in_collection=int(lengths.sum()),
            average_doclength=float(lengths.mean()),
            description=f"elsa-index codes {source.catalogue.manifest.codes.fingerprint}, signed dimensions as terms",
        )  # fmt: skip
        _write(file, header)
        for term, rows, frequencies in _lists(terms, impacts, np.repeat(np.arange(store.items), store.lengths)):
            gaps = np.diff(rows, prepend=0).tolist()
            message = messages["PostingsList"](term=term, df=len(rows), cf=int(frequencies.sum()))
            for gap, frequency in zip(gaps, frequencies.tolist(), strict=True):
                message.postings.add(docid=gap, tf=frequency)
            _write(file, message)
        for row, length in enumerate(lengths.tolist()):
            _write(file, messages["DocRecord"](docid=row, collection_docid=ids[row], doclength=length))
            if row % _REPORT_EVERY == _REPORT_EVERY - 1:
                counter.add(_REPORT_EVERY)
    counter.add(store.items - counter.done)
    write_queries(source, directory)
    write_template("ciff.md", directory / "README.md", items=f"{len(source.catalogue.ids):,}", **about_scale(source))


def _lists(terms: Any, impacts: Any, rows: Any) -> Iterator[tuple[str, Any, Any]]:
    """Each term with its rows, ascending, and impacts; terms in the order of text, for readers that merge lists."""
    order = np.argsort(terms, kind="stable")
    starts = np.flatnonzero(np.diff(terms[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    named = sorted((str(terms[order[start]]), start, end) for start, end in zip(starts, ends, strict=True))
    for name, start, end in named:
        part = order[start:end]
        yield name, rows[part], impacts[part]


def _write(file: BinaryIO, message: Any) -> None:
    """A message after its length, as a varint."""
    data = message.SerializeToString()
    size = len(data)
    while size >= 0x80:
        file.write(bytes([size & 0x7F | 0x80]))
        size >>= 7
    file.write(bytes([size]))
    file.write(data)


@cache
def _messages() -> dict[str, Any]:
    """The format's message classes, made from its schema: generated code would tie us to one version of protobuf."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    kind = descriptor_pb2.FieldDescriptorProto
    int32, int64, double, text = kind.TYPE_INT32, kind.TYPE_INT64, kind.TYPE_DOUBLE, kind.TYPE_STRING
    schema: dict[str, list[tuple[str, int]]] = {
        "Header": [
            ("version", int32), ("num_postings_lists", int32), ("num_docs", int32), ("total_postings_lists", int32),
            ("total_docs", int32), ("total_terms_in_collection", int64), ("average_doclength", double),
            ("description", text),
        ],
        "Posting": [("docid", int32), ("tf", int32)],
        "PostingsList": [("term", text), ("df", int64), ("cf", int64), ("postings", kind.TYPE_MESSAGE)],
        "DocRecord": [("docid", int32), ("collection_docid", text), ("doclength", int32)],
    }  # fmt: skip
    file = descriptor_pb2.FileDescriptorProto(name="ciff.proto", package="io.osirrc.ciff", syntax="proto3")
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for number, (field, type_) in enumerate(fields, 1):
            added = message.field.add(name=field, number=number, type=type_, label=kind.LABEL_OPTIONAL)
            if type_ == kind.TYPE_MESSAGE:
                added.label, added.type_name = kind.LABEL_REPEATED, ".io.osirrc.ciff.Posting"
    pool = descriptor_pool.DescriptorPool()  # our own: the format's other readers register the same names
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return {name: message_factory.GetMessageClass(find(f"io.osirrc.ciff.{name}")) for name in schema}
