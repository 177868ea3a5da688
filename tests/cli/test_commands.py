"""The command line as a user types it: every help, one real run of each command, and what wrong calls get."""

import json
import signal
import subprocess
import sys
import time
from statistics import median
from typing import Any

import polars as pl
import pytest
from scipy.sparse import save_npz

import elsa_index as ei
from elsa_index.training.config import PAPER
from elsa_index.training.popularity import OUTPUT_EXPONENTS

from ..support.catalogues import GENRES, ODD_IDS, make_codes, make_tastes
from ..support.command_line import run, run_apart

COMMANDS = [
    "split", "train", "fold-in", "diff", "build", "search", "segments", "homepage", "serve", "tune", "evaluate",
    "bench", "export", "verify", "doctor", "upsert", "delete", "tag", "compact", "upgrade",
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "i"
    ei.Index.build(make_codes(200), path, engine="lucene").close()
    return path


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    shown = run(command, "--help").stdout
    assert "Usage" in shown
    assert "Example" in shown


HEAVY = {"torch", "transformers", "faiss", "polars", "pandas", "jpype", "numpy", "scipy", "scipy.cluster", "numba"}


def loaded_by(*arguments) -> tuple[str, set[str]]:
    """What a command in a process of its own prints, and which heavy packages it has loaded at its end."""
    code = (
        "import sys; heavy = set(sys.argv.pop(1).split(','))\n"
        "from elsa_index_cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(*(heavy & set(sys.modules)), sep=',')"
    )
    command = [sys.executable, "-c", code, ",".join(HEAVY), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *printed, last = done.stdout.splitlines()
    return "\n".join(printed), set(last.split(",")) - {""}


def test_help_loads_nothing_heavy():
    shown, loaded = loaded_by("--help")
    assert all(command in shown for command in COMMANDS)
    assert loaded == set()


def test_searching_imports_no_training_and_no_faiss(index):
    assert loaded_by("search", index, "--items", "item20")[1] == {"jpype", "numpy", "scipy"}


@pytest.mark.slow
def test_a_cold_search_of_ten_thousand_items_takes_little_more_than_starting_java(tmp_path):
    """Compared with a process that only starts Python, SciPy and Lucene: both are slow where the machine is busy."""
    codes = make_codes(10_000, dims=2048, nnz=16)
    save_npz(tmp_path / "codes.npz", codes.weights)
    run("build", tmp_path / "codes.npz", "-o", tmp_path / "i")
    bare = "import scipy.sparse; from elsa_index.engines.lucene.jvm import lucene_version; lucene_version()"
    times: dict[str, list[float]] = {"bare": [], "search": []}
    for _ in range(5):
        for name, started in (
            ("bare", ["-c", bare]),
            ("search", ["-m", "elsa_index_cli", "search", tmp_path / "i", "--items", "1,2,3"]),
        ):
            began = time.perf_counter()
            subprocess.run([sys.executable, *started], check=True, capture_output=True)
            times[name].append(time.perf_counter() - began)
    assert median(one / other for one, other in zip(times["search"], times["bare"], strict=True)) < 3


def test_from_a_log_to_an_evaluation(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    made = json.loads(run("split", tmp_path / "log.csv", "-o", tmp_path / "s", "--users", 12, "--json").stdout)
    assert made["split"]["evaluated_users"] == 12
    options = ("--dims", 32, "--nnz", 4, "--epochs", 2, "--batch-size", 16)
    run("train", tmp_path / "s" / "train.parquet", "-o", tmp_path / "m", *options)
    assert "overlap@100" in run("build", tmp_path / "m", "-o", tmp_path / "i").stdout
    found = json.loads(run("evaluate", tmp_path / "i", tmp_path / "s", "-k", "5,10", "--json").stdout)
    assert 0 < found["metrics"]["recall@5"]["mean"] <= 1
    files = [file for file in (tmp_path / "i").rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    whole = run("verify", tmp_path / "i").stdout
    assert f"{len(files)} files, {size:,} bytes, all as they were written" in whole
    shown = run("search", tmp_path / "i", "--items", "i1,i2", "-k", 3)
    assert "rank" in shown.stdout
    assert "exact" in shown.stderr
    assert "; 1 history in" in shown.stderr
    refused = run("train", tmp_path / "log.csv", "-o", tmp_path / "m", status=1)
    assert "--overwrite" in refused.stderr


def test_codes_over_items_from_a_log_to_an_explanation(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    train = ("train", tmp_path / "log.csv", "-o", tmp_path / "m", "--model", "slim", "--nnz", 4, "--neighbours", 20)
    for wrong, message in [
        (("--dims", 8), "--dims is for --model elsa; the model is slim"),
        (("--no-restart",), "--restart is for --model elsa"),
        (("--regularisation", "x"), "must be a number from 0.01 to 1,000,000.0, or auto, got 'x'"),
        (("--nnz", 30), r"nnz must be at most neighbours (20), got 30"),
    ]:
        assert message in run(*train, *wrong, status=2).stderr
    refused = run("train", tmp_path / "log.csv", "-o", tmp_path / "m", "--non-negative", status=2)
    assert "--non-negative is for --model slim; the model is elsa" in refused.stderr
    assert not (tmp_path / "m").exists()
    made = json.loads(run(*train, "--non-negative", "--json").stdout)
    assert made["model"] == "SLIM"
    assert made["validation"]["users"] == 6
    shown = run(*train, "--overwrite").stdout
    assert shown.count("of the validation users") == len(made["validation"]["ndcg@100 by regularisation"])
    assert "40 items, 40 dimensions, 4 nonzeros per item" in shown
    run("build", tmp_path / "m", "-o", tmp_path / "i")
    assert "nothing to tune" in run("tune", tmp_path / "i", "--histories", tmp_path / "log.csv", status=2).stderr
    found = json.loads(run("search", tmp_path / "i", "--items", "i1,i2", "--explain", "--json").stdout)
    assert found["results"][0]["proven"]
    assert {name for name, _ in found["explanations"][0]["history"]} == {"i1", "i2"}
    shown = run("search", tmp_path / "i", "--items", "i1,i2", "--explain").stdout
    assert "because of" in shown
    assert "dimensions" not in shown


def test_the_paper_is_one_flag_away_and_validation_users_are_reported(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    options = ("--dims", 32, "--nnz", 4, "--epochs", 1, "--json")
    train = ("train", tmp_path / "log.csv", "-o")
    paper = json.loads(run(*train, tmp_path / "p", *options, "--paper", "--budgets", "log").stdout)
    assert paper["config"] | PAPER | {"budgets": "log"} == paper["config"]
    checked = run(*train, tmp_path / "v", *options, "--validation-users", 10, "--popularity", "auto", "--patience", 2)
    made = json.loads(checked.stdout)
    assert checked.stderr.count("nDCG@100") == made["epochs"]
    assert made["validation"]["users"] == 10
    assert made["popularity"]["output"] in OUTPUT_EXPONENTS
    assert "popularity" in run(*train, tmp_path / "w", "--popularity", "often", status=2).stderr


@pytest.mark.slow
def test_a_training_that_is_stopped_says_how_to_go_on_and_does(log, tmp_path):
    log.pairs().write_csv(tmp_path / "log.csv")
    model = tmp_path / "m"
    train = ("train", tmp_path / "log.csv", "-o", model, "--dense", "--dims", 8, "--epochs", 60, "--batch-size", 8)
    command = [sys.executable, "-m", "elsa_index_cli", *map(str, train)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        for line in running.stderr:
            if line.startswith("epoch 3/"):
                running.send_signal(signal.SIGINT)
                break
        said = running.stderr.read()
        assert running.wait() == 130
    assert "--resume goes on from there" in said
    assert not model.exists()
    assert "go on with --resume" in run(*train, status=1).stderr
    continued = run(*train, "--resume", "--json")
    assert "epoch 1/" not in continued.stderr
    assert not (tmp_path / "m.checkpoint").exists()
    whole = run(*train[:3], tmp_path / "whole", *train[4:], "--json")
    assert "GB of memory" in whole.stderr
    assert json.loads(continued.stdout)["fingerprint"] == json.loads(whole.stdout)["fingerprint"]


def test_one_history_with_ids_that_hold_commas_and_newlines(index):
    found = json.loads(run("search", index, "--item", "a,b", "--item", "new\nline", "-k", 190, "--json").stdout)
    items = [item["item_id"] for item in found["results"][0]["items"]]
    assert set(ODD_IDS) - set(items) == {"a,b", "new\nline"}
    assert found["results"][0]["proven"]


@pytest.fixture
def histories(tmp_path):
    frame = pl.DataFrame({
        "user_id": ["zoë", "zoë", "new", "nobody", "empty"],
        "item_id": ["item20", "item21", "item30", "unheard of", None],
    })  # fmt: skip
    frame.write_csv(tmp_path / "h.csv")
    return tmp_path / "h.csv"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_batches_are_written_in_every_format(suffix, index, histories, tmp_path):
    out = tmp_path / f"top.{suffix}"
    done = run("search", index, "--histories", histories, "-k", 150, "-o", out, "--threads", 2)
    assert "'unheard of'" in done.stderr
    assert "2 users have no item that the index knows; given are nothing" in done.stderr
    read: Any = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[suffix]
    frame = read(out)
    assert frame.columns == ["user_id", "rank", "item_id", "score"]
    assert frame["user_id"].unique(maintain_order=True).to_list() == ["zoë", "new"]
    assert frame.filter(pl.col("user_id") == "zoë")["rank"].to_list() == list(range(1, 151))
    assert "new\nline" in frame["item_id"].to_list()
    run("search", index, "--histories", histories, "-o", out, status=1)


def test_trec_runs_refuse_ids_with_white_space_and_take_others(index, histories, tmp_path):
    out = tmp_path / "top.trec"
    refused = run("search", index, "--histories", histories, "-k", 190, "-o", out, status=1)
    assert "separated by white space" in refused.stderr
    assert not out.exists()
    plain = ei.ItemCodes(ei.IdMap(f"item{row}" for row in range(200)), make_codes(200).weights)
    ei.Index.build(plain, tmp_path / "plain", engine="exact").close()
    run("search", tmp_path / "plain", "--histories", histories, "-k", 3, "-o", out)
    lines = [line.split(" ") for line in out.read_text().splitlines()]
    assert [line[:2] + line[3:4] for line in lines[:2]] == [["zoë", "Q0", "1"], ["zoë", "Q0", "2"]]
    assert all(len(line) == 6 for line in lines)


def test_what_reading_a_log_dropped_is_said_in_words(tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,stars\na,x,5\na,y,1\nb,x,4\nb,z,5\nb,z,5\nc,x,5\nd,x,5\nd,z,4\n")
    asked = ("--value-column", "stars", "--min-value", 4, "--min-user-items", 2, "--users", 1, "--hide", 0.5)
    said = run("split", tmp_path / "log.csv", "-o", tmp_path / "s", *asked).stderr
    assert "8 rows, 1 dropped by value, 1 merged duplicates, 2 dropped by min user items" in said


def test_what_changed_between_two_models_is_said(tmp_path):
    codes = make_codes(100)
    codes.save(tmp_path / "monday")
    weights = codes.weights.copy()
    weights[20] = -weights[20]
    names = [*list(codes.ids)[:99], "newcomer"]
    ei.ItemCodes(ei.IdMap(names), weights, item_counts=codes.item_counts).save(tmp_path / "tuesday")
    shown = run("diff", tmp_path / "monday", tmp_path / "tuesday").stdout
    assert "100 items before, 100 after; added 1: 'newcomer'; removed 1: 'item99'" in shown
    assert "changed most (difference over the larger norm): item20 2.00" in shown
    made = json.loads(run("diff", tmp_path / "monday", tmp_path / "tuesday", "--json").stdout)
    assert made["kept"] == 99
    assert made["changes"]["the same"] == 98
    assert made["changes"]["changed by more"] == 1
    make_codes(100, dims=32).save(tmp_path / "other")
    refused = run("diff", tmp_path / "monday", tmp_path / "other", status=2).stderr
    assert "The models have 64 and 32 dimensions; there is nothing to compare." in refused


def test_an_index_is_changed(tmp_path):
    codes, metadata = make_tastes(each=12)
    place = tmp_path / "i"
    ei.Index.build(codes, place, metadata=metadata).close()
    new = ei.ItemCodes(ei.IdMap(["new", "t0-1"]), codes.weights[[20, 30]], {"space": codes.space})
    new.save(tmp_path / "m")
    (tmp_path / "titles.csv").write_text("item_id,title\nnew,A new one\n")
    (tmp_path / "tags.csv").write_text("item_id,tag\nnew,in stock\nt0-2,in stock\n")
    done = run("upsert", place, tmp_path / "m", "--metadata", tmp_path / "titles.csv")
    assert f"{place}: 1 added, 1 given other codes; 73 items, commit 1, " in done.stdout
    assert "no code changed; 73 items, commit 1" in run("upsert", place, tmp_path / "m").stdout
    assert "2 given other tags" in run("tag", place, "--add", tmp_path / "tags.csv").stdout
    assert "A new one" in run("search", place, "--items", "t0-3", "-k", 80, "--tag", "in stock", "--exact").stdout
    refused = run("delete", place, "zz", "new", status=1).stderr
    assert "does not hold 'zz' (1 of 2 ids), and none was deleted; say skip_unknown (--skip-unknown)" in refused
    (tmp_path / "gone.txt").write_text("new\nzz\n")
    done = run("delete", place, "--from", tmp_path / "gone.txt", "--skip-unknown", "--json")
    assert json.loads(done.stdout)["deleted"] == 1
    assert "compacted; 72 items, commit 4" in run("compact", place).stdout
    assert "all as they were written" in run("verify", place).stdout
    for arguments, message in (
        (("delete", place), "Name the items to delete"),
        (("tag", place), "Name a file of tags"),
        (("compact", tmp_path), "is not an index"),
        (("upsert", place, tmp_path / "m", "--only", tmp_path / "gone.txt"), "zz"),
    ):
        assert message in run(*arguments, status=None).stderr


def test_popular_items_stand_in_for_missing_histories(index, histories):
    found = json.loads(run("search", index, "--histories", histories, "--fallback", "popular", "--json").stdout)
    by_user = {result["user_id"]: result for result in found["results"]}
    assert by_user["nobody"]["popular"]
    assert by_user["empty"]["items"][0]["item_id"] == ODD_IDS[0]
    assert not by_user["zoë"]["popular"]


@pytest.mark.parametrize(("arguments", "status", "message"), [
    (["search", "INDEX"], 2, "--items"),
    (["search", "INDEX", "--items", "a", "--histories", "x.csv"], 2, "Name one history"),
    (["search", "INDEX", "--items", "nobody"], 1, "'nobody'"),
    (["search", "INDEX", "--items", "item20", "-k", "0"], 2, "k must be at least 1, got 0"),
    (["search", "INDEX", "--items", "item20", "-k", "many"], 2, "'-k'"),
    (["search", "INDEX", "--items", "item20", "--exact", "--candidates", "3"], 2, "exact chooses"),
    (["search", "INDEX", "--histories", "nowhere.csv"], 1, "nowhere.csv"),
    (["search", "INDEX", "--items", "item20", "-o", "out.docx"], 2, "out.docx"),
    (["search", "nowhere", "--items", "a"], 1, "nowhere does not exist"),
    (["build", "nowhere", "-o", "i"], 1, "nowhere does not exist"),
    (["build", "INDEX", "-o", "i"], 2, "is an index already; build takes codes"),
    (["build", "nowhere.npz", "-o", "i"], 1, "nowhere.npz"),
    (["train", "nowhere.csv", "-o", "m"], 1, "nowhere.csv"),
    (["train", "nowhere.csv", "-o", "m", "--nnz", "0"], 2, "nnz"),
    (["evaluate", "INDEX", "nowhere"], 1, "nowhere is not a split directory"),
    (["evaluate", "INDEX", "nowhere", "-k", "five"], 2, "got 'five'"),
    (["verify", "nowhere"], 1, "nowhere"),
    (["search", "INDEX", "--items", "item20", "--rank", "server"], 2, "rank is for the engine opensearch"),
    (["build", "m", "-o", "i", "--engine", "opensearch", "--url", "http://h:1"], 2, "--url and --name belong together"),
    (["build", "m", "-o", "i", "--url", "http://me:pass@h:1", "--name", "n"], 2, "Credentials do not belong"),
    (["export", "INDEX", "--to", "csv", "-o", "e"], 2, "'csv'"),
    (["export", "INDEX", "--to", "ciff", "-o", "INDEX", "--overwrite"], 1, "is not what this command writes"),
    (["export", "INDEX", "--to", "opensearch", "-o", "e", "--metadata", "nowhere.csv"], 1, "nowhere.csv"),
    (["recommend"], 2, "recommend"),
    (["segments", "nowhere"], 1, "nowhere does not exist"),
    (["segments", "INDEX", "-k", "0"], 2, "k must be at least 1, got 0"),
    (["segments", "INDEX", "--metadata", "nowhere.csv"], 1, "nowhere.csv"),
    (["homepage", "INDEX", "--items", "a,,b"], 2, "holds an empty id"),
    (["homepage", "INDEX", "--rows", "0"], 2, "rows must be at least 1, got 0"),
    (["homepage", "INDEX", "--diversity", "7"], 2, "diversity must be from 0 to 1, got 7"),
    (["serve", "INDEX", "--port", "70000"], 2, "port must be from 0 to 65535, got 70000"),
    (["serve", "INDEX", "--threads", "-1"], 2, "threads must be from 0 to 512, got -1"),
    (["build", "m", "-o", "i", "--least-items", "0"], 2, "--least-items must be at least 1, got 0"),
])  # fmt: skip
def test_wrong_calls_get_one_clear_line(arguments, status, message, index):
    done = run(*[str(index) if part == "INDEX" else part for part in arguments], status=status)
    assert message in done.stderr


def test_doctor_names_what_runs():
    findings = {entry["what"]: entry for entry in json.loads(run_apart("doctor", "--json").stdout)}
    assert findings["Java"]["state"] == "ok"
    assert findings["Lucene"]["found"].split(".")[0] in {"9", "10"}
    assert findings["FAISS"]["state"] == "ok"
    assert (findings["Python"]["state"] == "hint") == (sys.version_info < (3, 12))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """An index with tags, calibrated by a command, and the file of histories."""
    directory = tmp_path_factory.mktemp("tuned")
    codes = make_codes(2000, dims=128, nnz=6)
    save_npz(directory / "codes.npz", codes.weights)
    tagged = [*map(str, range(0, 2000, 4)), "stranger"]
    pl.DataFrame({"item_id": tagged, "tag": "in stock"}).write_csv(directory / "tags.csv")
    users = [f"u{at // 5}" for at in range(200)]
    pl.DataFrame({"user_id": users, "item_id": [str(7 * at) for at in range(200)]}).write_csv(directory / "users.csv")
    files = ["--tags", directory / "tags.csv", "--histories", directory / "users.csv"]
    built = run("build", directory / "codes.npz", "-o", directory / "i", *files, "--target-overlap", "0.9")
    assert "searches are calibrated: overlap@100 with exact 0.9" in built.stdout
    assert "1 tagged items are not in the index, left out: 'stranger'" in built.stderr
    return directory


def test_searches_say_how_they_are_calibrated_and_tune_changes_it(tuned):
    index, users = tuned / "i", tuned / "users.csv"
    assert "calibrated: overlap@100 with exact" in run("search", index, "--histories", users).stderr
    assert "exact: the exhaustive top k" in run("search", index, "--histories", users, "--exact").stderr
    found = json.loads(run("tune", index, "--histories", users, "--target-overlap", "0.95", "--json").stdout)
    assert found["calibration"]["overlap"] >= 0.95
    assert "answer exactly" in run("tune", index, "--histories", users, "--target-overlap", "1").stdout
    assert "exact: the exhaustive top k" in run("search", index, "--histories", users).stderr
    assert "above 0 and at most 1" in run("tune", index, "--histories", users, "--target-overlap", "2", status=2).stderr


def test_tags_and_exclusions_restrict_what_is_returned(tuned, tmp_path):
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("\n".join(str(row) for row in range(0, 1000)))
    arguments = ["search", tuned / "i", "--items", "1,2", "-k", "100", "--json"]
    found = json.loads(run(*arguments, "--tag", "in stock", "--exclude", excluded).stdout)
    rows = [int(item["item_id"]) for item in found["results"][0]["items"]]
    assert len(rows) == 100
    assert all(row >= 1000 and row % 4 == 0 for row in rows)
    excluded.write_text("\n\n1\nstranger\n")
    assert "1 excluded item is not in the index: 'stranger'" in run(*arguments, "--exclude", excluded).stderr
    excluded.write_text("\n".join(str(row) for row in range(0, 2000, 4)))
    nothing = run(*arguments, "--tag", "in stock", "--exclude", excluded)
    assert "1 of 1 histories get no item: none known, or filters or offset leave none" in nothing.stderr
    assert "No item carries the tag 'sold out'" in run(*arguments, "--tag", "sold out", status=2).stderr
    assert "does not exist" in run(*arguments, "--exclude", tmp_path / "no.txt", status=1).stderr


def test_explanations_are_printed_and_sum_to_the_score(tuned):
    arguments = ["search", tuned / "i", "--items", "1,2", "--explain"]
    assert "from the history" in run(*arguments).stdout
    found = json.loads(run(*arguments, "--json").stdout)
    for item, explained in zip(found["results"][0]["items"], found["explanations"], strict=True):
        assert sum(amount for _, amount in explained["history"]) == pytest.approx(item["score"], abs=1e-5)
    assert (
        "--explain is for one history"
        in run("search", tuned / "i", "--histories", tuned / "users.csv", "--explain", status=2).stderr
    )


@pytest.mark.slow
def test_bench_measures_and_writes_a_report(tuned, tmp_path):
    done = run(
        "bench",
        tuned / "i",
        "--histories",
        tuned / "users.csv",
        "--users",
        "20",
        "--threads",
        "1",
        "--rounds",
        "1",
        "--report",
        tmp_path / "r",
        "--json",
    )
    assert json.loads(done.stdout)["indexes"][0]["engine"] == "lucene"
    assert (tmp_path / "r" / "index.html").exists()
    assert "Name one split directory" in run("bench", tuned / "i", status=2).stderr
    assert "does not exist" in run("bench", tmp_path / "no", "--histories", tuned / "users.csv", status=1).stderr
    again = ["bench", tuned / "i", "--histories", tuned / "users.csv", "--report", tmp_path / "r"]
    assert "pass --overwrite" in run(*again, status=1).stderr


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Codes of six tastes built with metadata, as a user does."""
    directory = tmp_path_factory.mktemp("films")
    codes, metadata = make_tastes()
    codes.save(directory / "model")
    pl.DataFrame(metadata).write_csv(directory / "films.csv")
    built = run("build", directory / "model", "-o", directory / "i", "--metadata", directory / "films.csv")
    assert "6 segments of 240 items" in built.stdout
    return directory


def test_segments_are_listed_and_ranked(films):
    shown = run("segments", films / "i")
    assert "6 segments of 240 items" in shown.stderr
    assert all(genre in shown.stdout for genre in GENRES)
    found = json.loads(run("segments", films / "i", "--items", "t1-3,stranger", "-k", "2", "--json").stdout)
    assert found["segments"] == 6
    assert found["shown"][0]["name"].startswith("Horror")
    assert found["shown"][0]["score"] > found["shown"][1]["score"]
    assert "'stranger'" in run("segments", films / "i", "--items", "t1-3,stranger").stderr
    assert "the largest segments" in run("segments", films / "i", "--items", "stranger").stderr


def test_other_metadata_gives_other_names(films, tmp_path):
    pl.DataFrame({"item_id": [f"t2-{at}" for at in range(40)], "shelf": "Opera"}).write_csv(tmp_path / "m.tsv.csv")
    shown = run("segments", films / "i", "--metadata", tmp_path / "m.tsv.csv").stdout
    assert "Opera" in shown
    assert "Horror" not in shown
    (tmp_path / "others.csv").write_text("item_id,title\nelsewhere,Brazil\n")
    refused = run("segments", films / "i", "--metadata", tmp_path / "others.csv", status=1).stderr
    assert f"{tmp_path / 'others.csv'}: None of the 1 items of the metadata is in the index" in refused


def test_a_homepage_is_shown_with_titles(films, tmp_path):
    shown = run("homepage", films / "i", "--items", "t0-1,t0-2,stranger", "--rows", "3", "-k", "4")
    assert "For you" in shown.stdout
    assert "Western" in shown.stdout
    assert "Café number" in shown.stdout
    assert "'stranger'" in shown.stderr
    assert "exact: the exhaustive top k" in shown.stderr
    page = json.loads(run("homepage", films / "i", "--items", "t0-1", "--rows", "3", "-k", "4", "--json").stdout)
    assert [len(row["items"]) for row in page["rows"]] == [4, 4, 4]
    (tmp_path / "gone.txt").write_text("t0-0\nnobody\n")
    filtered = run(
        "homepage", films / "i", "--items", "t0-1", "--tag", "segment:0", "--exclude", tmp_path / "gone.txt", "--json"
    )
    assert "1 excluded item is not in the index: 'nobody'" in filtered.stderr
    assert "t0-0" not in [item for row in json.loads(filtered.stdout)["rows"] for item in row["items"]]
    nobody = run("homepage", films / "i")
    assert "no item of the history is known: the popular items and the largest segments" in nobody.stderr
    without = run("build", films / "model", "-o", films / "j", "--no-segments")
    assert "segments" not in without.stdout
    assert "has no segments" in run("homepage", films / "j", status=2).stderr


def test_a_search_shows_titles_where_they_are_known(films, tmp_path):
    shown = run("search", films / "i", "--items", "t0-1", "-k", "3").stdout
    assert "title" in shown
    assert "Café number" in shown
    (tmp_path / "m.csv").write_text("item_id,title\n" + "".join(f"t0-{at},Renamed {at}\n" for at in range(40)))
    with_file = run("search", films / "i", "--items", "t0-1", "-k", "3", "--metadata", tmp_path / "m.csv").stdout
    assert "Renamed" in with_file
    found = json.loads(run("search", films / "i", "--items", "t0-1", "-k", "3", "--json").stdout)
    assert all("number" in item["title"] for item in found["results"][0]["items"])


def test_items_without_metadata_are_counted(films, tmp_path):
    (tmp_path / "m.csv").write_text("item_id,title\nt0-1,One\n")
    built = run("build", films / "model", "-o", tmp_path / "i", "--metadata", tmp_path / "m.csv")
    assert "239 items have no metadata: 't0-0'" in built.stderr
