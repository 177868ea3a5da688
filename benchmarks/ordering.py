"""Does the order of documents make the postings smaller or faster? As they come, by dominant dimension, bipartite.

Command: python -m benchmarks.ordering MODEL SPLIT_DIR --misc lucene-misc-VERSION.jar [--items 1000000] (four minutes)
    MODEL: trained codes, expanded by benchmarks/catalogue.py. The jar has Lucene's BPIndexReorderer, which Pyserini's
    lacks: mvn dependency:get -Dartifact=org.apache.lucene:lucene-misc:10.5.0 (`elsa-index doctor` names the version).

Prints bytes per item of the file of postings, and the median time of Lucene's search, 64 heaviest terms, 500 hits, with
every document scored and with blocks skipped (block-max), the orders in turns.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.engine_speed import chosen_histories
from elsa_index.codes.impacts import ImpactScale, terms_of
from elsa_index.codes.query_terms import QueryTerms, query_terms
from elsa_index.engines.lucene.jvm import java_class
from elsa_index.engines.lucene.postings import LucenePostings
from elsa_index.engines.lucene.writer import open_directory, write_postings
from elsa_index.engines.stored_codes import StoredCodes

TERMS, HITS, QUERIES, SKIPPING = 64, 500, 60, 1000


def by_dominant_dimension(codes: ei.ItemCodes) -> ei.ItemCodes:
    """Items sorted by the term of their largest weight, then of their second largest."""
    weights = codes.weights
    rows = np.repeat(np.arange(len(codes.ids)), np.diff(weights.indptr))
    terms = terms_of(weights.indices, weights.data)[np.lexsort((-np.abs(weights.data), rows))]
    second = np.minimum(weights.indptr[:-1] + 1, weights.indptr[1:] - 1)
    order = np.lexsort((terms[second], terms[weights.indptr[:-1]]))
    return ei.ItemCodes(ei.IdMap(codes.ids[int(row)] for row in order), weights[order])


def bipartite(source: Path, target: Path, misc: Path) -> None:
    """Lucene's recursive graph bisection of the index `source`."""
    import jpype

    jpype.addClassPath(str(misc))
    reader = java_class("org.apache.lucene.index.DirectoryReader").open(open_directory(source))
    codec_reader = java_class("org.apache.lucene.index.CodecReader")
    reorderer = java_class("org.apache.lucene.misc.index.BPIndexReorderer")()
    reorderer.setMinDocFreq(32)  # its default, 4096, would leave most lists of small catalogues out of account
    fields = java_class("java.util.HashSet")()
    fields.add("contents")
    reorderer.setFields(fields)
    scratch = target.with_name("scratch")
    pool = java_class("java.util.concurrent.ForkJoinPool")(2)
    leaf = jpype.JObject(reader.leaves().get(0).reader(), codec_reader)
    reordered = reorderer.reorder(leaf, open_directory(scratch), pool)
    config = java_class("org.apache.lucene.index.IndexWriterConfig")()
    config.setUseCompoundFile(False)
    writer = java_class("org.apache.lucene.index.IndexWriter")(open_directory(target), config)
    writer.addIndexes(jpype.JArray(codec_reader)([reordered]))
    writer.forceMerge(1)
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--misc", type=Path, required=True)
    parser.add_argument("--items", type=int, default=1_000_000)
    given = parser.parse_args()
    codes = expanded(ei.ItemCodes.load(given.model), given.items)
    store = StoredCodes.round(codes, "float16")
    scale = ImpactScale.fitting(8, store.values, unit_norm=codes.is_unit_norm)
    with tempfile.TemporaryDirectory() as directory:
        paths = {name: Path(directory) / name for name in ("as they come", "dominant", "bipartite")}
        for path in paths.values():
            path.mkdir()
        write_postings(store, codes.ids, scale.quantize, paths["as they come"])
        ordered = by_dominant_dimension(codes)
        write_postings(StoredCodes.round(ordered, "float16"), ordered.ids, scale.quantize, paths["dominant"])
        bipartite(paths["as they come"], paths["bipartite"], given.misc)
        queries = []
        for history in chosen_histories(ei.Split.load(given.split), codes.ids)[:QUERIES]:
            rows = np.unique(codes.ids.rows(history))
            queries.append(query_terms(store.sum_rows(rows, codes.history_weights_of(rows)), TERMS))
        opened = {name: LucenePostings(path, given.items) for name, path in paths.items()}
        manager = java_class("org.apache.lucene.search.TopScoreDocCollectorManager")
        times: dict[tuple[str, str], list[float]] = {}
        for query in queries[:10] + queries:
            for name, postings in opened.items():
                for how, threshold in (("complete", 2**31 - 1), ("skipping", SKIPPING)):
                    times.setdefault((name, how), []).append(_search(postings, query, manager(HITS, None, threshold)))
        for name, path in paths.items():
            size = sum(file.stat().st_size for file in path.glob("*.doc")) / given.items
            shown = ", ".join(
                f"{how} {1000 * median(times[name, how][10:]):.2f} ms" for how in ("complete", "skipping")
            )
            print(f"{name}: {size:.2f} bytes of postings per item, {shown}")


def _search(postings: LucenePostings, query: QueryTerms, manager: Any) -> float:
    parsed = postings.parsed(query)
    started = time.perf_counter()
    postings.searcher.search(parsed, manager)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
