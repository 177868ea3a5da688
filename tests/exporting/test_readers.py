"""What independent readers find in JSON vectors and in the Common Index File Format is what the codes hold."""

import json
import subprocess

import numpy as np
import pytest

import elsa_index as ei
from elsa_index.codes.impacts import ImpactScale, terms_of
from elsa_index.engines.lucene import jvm
from elsa_index.engines.stored_codes import StoredCodes


@pytest.fixture(scope="module")
def index(codes, tmp_path_factory):
    with ei.Index.build(codes, tmp_path_factory.mktemp("source") / "i", engine="lucene", bits=7) as built:
        yield built


@pytest.fixture(scope="module")
def postings(index):
    """{term: {item: impact}}, from the codes."""
    store = StoredCodes.load(index.path, index.manifest.codes.dims)
    impacts = ImpactScale(7, index.manifest.parameters["impact_scale"]).quantize(store.values)
    rows = np.repeat(np.arange(store.items), store.lengths)
    expected: dict[str, dict[str, int]] = {}
    for term, row, impact in zip(terms_of(store.dims_of, store.values), rows, impacts, strict=True):
        expected.setdefault(str(term), {})[index.ids[int(row)]] = int(impact)
    return expected


def test_anserini_reads_our_json_vectors(index, postings, tmp_path):
    ei.export(index, "jsonl", tmp_path / "e")
    java = jvm.find_java().home / "bin" / "java"
    command = [str(java), "-cp", str(jvm.anserini_jar()), "io.anserini.index.IndexCollection"]
    command += ["-collection", "JsonVectorCollection", "-generator", "DefaultLuceneDocumentGenerator", "-impact"]
    command += ["-pretokenized", "-input", str(tmp_path / "e" / "collection"), "-index", str(tmp_path / "lucene")]
    subprocess.run(command, check=True, capture_output=True)
    found: dict[str, dict[str, int]] = {}
    folder = jvm.java_class("java.nio.file.Paths").get(str(tmp_path / "lucene"))
    directory = jvm.java_class("org.apache.lucene.store.FSDirectory").open(folder)
    reader = jvm.java_class("org.apache.lucene.index.DirectoryReader").open(directory)
    last = 2**31 - 1
    for leaf in reader.leaves():
        stored = leaf.reader().storedFields()
        ids = [str(stored.document(row).get("id")) for row in range(leaf.reader().maxDoc())]
        terms = leaf.reader().terms("contents").iterator()
        while (term := terms.next()) is not None:
            lists = found.setdefault(str(term.utf8ToString()), {})
            entries = terms.postings(None)
            while (row := entries.nextDoc()) != last:
                lists[ids[row]] = int(entries.freq())
    reader.close()
    assert found == postings


def test_ciff_toolkit_reads_our_ciff(index, postings, codes, tmp_path):
    from ciff_toolkit.read import CiffReader

    ei.export(index, "ciff", tmp_path / "e")
    with CiffReader(tmp_path / "e" / "codes.ciff") as reader:
        header = reader.header
        lists = [
            (one.term, one.df, one.cf, [(part.docid, part.tf) for part in one.postings])
            for one in reader.read_postings_lists()
        ]
        documents = [(one.docid, one.collection_docid, one.doclength) for one in reader.read_documents()]
    assert [name for _, name, _ in documents] == list(codes.ids)
    assert (header.num_postings_lists, header.num_docs, header.total_docs) == (len(postings), 300, 300)
    assert header.total_terms_in_collection == sum(length for *_, length in documents)
    assert [term for term, *_ in lists] == sorted(postings)
    for term, df, cf, entries in lists:
        rows = np.cumsum([gap for gap, _ in entries])
        assert {codes.ids[int(row)]: impact for row, (_, impact) in zip(rows, entries, strict=True)} == postings[term]
        assert (df, cf) == (len(entries), sum(impact for _, impact in entries))


def test_queries_bound_the_score_from_above(index, histories, tmp_path):
    ei.export(index, "jsonl", tmp_path / "e", histories=histories, users=[f"u{at}" for at in range(len(histories))])
    lines = [json.loads(line) for line in (tmp_path / "e" / "queries.jsonl").read_text().splitlines()]
    items = {}
    for part in sorted((tmp_path / "e" / "collection").iterdir()):
        items |= {line["id"]: line["vector"] for line in map(json.loads, part.read_text().split("\n")[:-1])}
    result = index.search(histories, 20)
    for at, line in enumerate(lines):
        for name, score in zip(result.ids[at], result.scores[at], strict=True):
            total = sum(line["vector"].get(term, 0) * impact for term, impact in items[name].items())
            assert total * line["unit"] >= score - 1e-6
