# mypy: disable-error-code="arg-type, call-arg, list-item"
"""Calls from Python that cannot be meant so end in one sentence of ours, not in an error of a library's."""

import json
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

import elsa_index as ei
from elsa_index.storage.staging import refuse_existing

from .support.catalogues import make_codes
from .support.command_line import run

LOG = ei.Interactions.from_pairs(pl.Series(list("aabbcc")), pl.Series(list("xyyzzx")))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with ei.Index.build(make_codes(40), tmp_path_factory.mktemp("wrong") / "i", engine="exact") as index:
        yield index


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ei.TrainingConfig(dim=8), r"^TrainingConfig has no parameter 'dim'; did you mean dims\?$"),
    (lambda: ei.TrainingConfig(dims="many"), r"^dims: .*, got 'many'\.$"),
    (lambda: ei.TrainingConfig(dims=4, nnz=8), r"^TrainingConfig: nnz must be at most dims \(4\), got 8\.$"),
    (lambda: ei.TrainingConfig.paper(epoch=3), "did you mean epochs"),
    (lambda: ei.SlimConfig(lam=8), "SlimConfig has no parameter 'lam'; there are half_life, history_popularity"),
    (lambda: ei.SegmentRules(least_items=0), "^least_items: .*, got 0"),
    (lambda: ei.train("log.csv"), "The log must be an Interactions, got 'log.csv': read it with read_interactions"),
    (lambda: ei.train(LOG, {"dims": 8}), "config must be a TrainingConfig, got .*dims"),
    (lambda: ei.split("log.csv"), "The log must be an Interactions"),
    (lambda: ei.split(LOG, users="3"), r"^users must be a whole number at least 1, got '3'\.$"),
    (lambda: ei.split(LOG, folds=2.5), "folds must be a whole number at least 1, got 2.5"),
    (lambda: ei.Index.build("model", "i"), "codes must be an ItemCodes, got 'model': load_codes reads them"),
    (lambda: ei.Index.build(make_codes(9), "i", bits="8"), "bits must be a whole number from 2 to 16, got '8'"),
    (lambda: ei.Index.build(make_codes(9), "i", target_overlap="1"), "target_overlap must be above 0 .*, got '1'"),
    (lambda: ei.evaluate(None, None), "index must be an Index, got 'None'"),
])  # fmt: skip
def test_what_is_made(make, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ei.UsageError, match=message):
        make()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("ask", "message"), [
    (lambda index: index.search("item20"), r"^Histories are a list of lists of item ids, \[\['a', 'b'\]\]; got"),
    (lambda index: index.search(None), "Histories are a list of lists"),
    (lambda index: index.search(["item20", "item21"]), "got the text 'item20'; several are a list of such sequences"),
    (lambda index: index.search([20]), "A history is a sequence of item ids, got 20"),
    (lambda index: index.search([["item20"]], k="5"), r"^k must be a whole number at least 1, got '5'\.$"),
    (lambda index: index.search([["item20"]], k=5.5), "k must be a whole number at least 1, got 5.5"),
    (lambda index: index.search([["item20"]], k=True), "k must be a whole number at least 1, got True"),
    (lambda index: index.search([["item20"]], threads="2"), "threads must be a whole number from 1 to 512, got '2'"),
    (lambda index: index.search([["item20"]], weights=[1.0]), "History 0 needs 1 finite weights, got '1.0'"),
    (lambda index: index.search([["item20"]], weights=[["a"]]), "History 0 needs 1 finite weights"),
    (lambda index: index.search([["item20"]], weights=1.0), "weights for each of 1 histories, got 1.0"),
    (lambda index: index.homepage("item20"), "A history is a sequence of item ids, got the text"),
    (lambda index: index.homepage(["item20"], diversity="much"), "diversity must be a number from 0 to 1, got 'much'"),
    (lambda index: index.explain(["item20"], "item21"), "The items to explain are a list of ids, got 'item21'"),
    (lambda index: index.explain(["item20"], 5), "The items to explain are a list of ids, got '5'"),
    (lambda index: ei.evaluate(index, ei.split(LOG, users=1), k=20), r"k must be a list of numbers, .*; got 20"),
    (lambda index: ei.evaluate(index, ei.split(LOG, users=1), k=["5"]), "k must be a whole number at least 1, got '5'"),
])  # fmt: skip
def test_what_is_asked(index, ask, message):
    with pytest.raises(ei.UsageError, match=message):
        ask(index)


def test_arrays_are_sequences_too(index):
    expected = index.search([["item20", "item21"]], 5).ids.tolist()
    assert index.search(np.array([["item20", "item21"]]), np.int64(5)).ids.tolist() == expected
    assert index.search([("item20", "item21")], 5, weights=np.ones((1, 2))).ids.tolist() == expected


@pytest.mark.parametrize("engine", ["lucene", "exact", "faiss-flat"])
def test_a_closed_index_says_that_it_is_closed(tmp_path, engine):
    index = ei.Index.build(make_codes(40), tmp_path / "i", engine=engine)
    index.close()
    index.close()
    for ask in (
        lambda: index.search([["item20"]]),
        lambda: index.explain(["item20"], ["item21"]),
        lambda: index.homepage(["item20"]),
        lambda: index.required_segments,
    ):
        with pytest.raises(ei.UsageError, match=rf"^The index {tmp_path / 'i'} is closed; open it again"):
            ask()


def test_metadata_that_fits_badly_is_warned_of(tmp_path):
    codes = make_codes(40)
    known = {"item_id": [f"item{at}" for at in range(40)], "title": [f"Film {at}" for at in range(40)]}

    def build(table: dict) -> list[str]:
        with warnings.catch_warnings(record=True, action="always", category=ei.DataWarning) as caught:
            ei.Index.build(codes, tmp_path / "i", engine="exact", metadata=table, overwrite=True).close()
        return [str(one.message) for one in caught if issubclass(one.category, ei.DataWarning)]

    assert build(known) == []
    (untitled,) = build({"item_id": known["item_id"], "name": known["title"], "year": ["1999"] * 40})
    assert untitled == "The metadata has no column 'title', so items are shown by id; it has name, year."
    (strange,) = build({"item_id": ["item20", *(f"other{at}" for at in range(39))], "title": known["title"]})
    assert strange.startswith("The metadata describes 1 of 40 items, and 39 of its 40 rows are of items")
    # A catalogue's whole table, of which a log holds a part; and a few items that are described.
    larger = {
        "item_id": [*known["item_id"], *(f"other{at}" for at in range(200))],
        "title": [*known["title"], *["?"] * 200],
    }
    assert build(larger) == []
    assert build({"item_id": ["item20"], "title": ["A"]}) == []


def test_the_command_line_notes_it_in_one_line(tmp_path):
    make_codes(40).save(tmp_path / "model")
    (tmp_path / "films.csv").write_text("item_id,name\nitem20,Brazil\n")
    done = run("build", tmp_path / "model", "-o", tmp_path / "i", "--engine", "exact", "--metadata",
               tmp_path / "films.csv")  # fmt: skip
    assert "\nwarning: The metadata has no column 'title'" in "\n" + done.stderr
    assert "metadata.py" not in done.stderr


def test_blanks_around_ids_do_not_count(index):
    asked = ("item20,item21", " item20 , item21")
    one, other = (json.loads(run("search", index.path, "--items", items, "--json").stdout) for items in asked)
    assert one["results"] == other["results"]


def test_a_folder_that_cannot_be_written_is_said_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "log.csv").write_text("user_id,item_id\n" + "".join(f"u{at % 7},i{at}\n" for at in range(30)))
    done = run("train", tmp_path / "log.csv", "-o", tmp_path / "file" / "model", status=1)
    assert done.stderr == (
        f"error: {tmp_path}/file/model cannot be written: {tmp_path}/file is a file; name another path.\n"
    )
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o555)  # noqa: S103
        child = os.fork()
        if not child:
            status = 1
            try:
                if os.getuid() == 0:  # who may write anywhere
                    os.setuid(65534)
                refuse_existing(Path(directory) / "new" / "model", overwrite=False, is_ours=lambda _: True)
            except ei.StorageError as error:
                status = 0 if "nothing may be written in" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


NO_SEQUENCES = ["12", 12, np.array(3), pl.DataFrame({"item_id": ["1"]}), {"1": 2}]


@pytest.mark.parametrize("given", NO_SEQUENCES, ids=["text", "number", "scalar", "table", "dict"])
@pytest.mark.parametrize("call", [
    lambda index, given: ei.delete(index.path, given, skip_unknown=True),
    lambda index, given: index.exclude_always(given),
    lambda index, given: ei.upsert(index.path, make_codes(40), items=given),
    lambda index, given: index.search([given]),
    lambda index, given: index.search([["item20"]], seen=[given]),
    lambda index, given: index.search([["item20"]], seen=given),
    lambda index, given: index.search([["item20"]], only=given),
    lambda index, given: index.search([["item20"]], no_tags=given),
    lambda index, given: index.explain(["item20"], given),
    lambda index, given: index.homepage(["item20"], exclude=given),
    lambda index, given: index.search([["item20"]]).to_frame(given),
], ids=["delete", "exclude_always", "upsert", "search", "seen of one", "seen", "only", "no_tags", "explain", "homepage",
        "to_frame"])  # fmt: skip
def test_one_text_is_no_sequence_of_its_letters(index, call, given):
    """Of "12" the items 1 and 2 were deleted, without a word."""
    with pytest.raises(ei.UsageError, match=r"sequence of|list of ids"):
        call(index, given)


@pytest.mark.parametrize(("call", "message"), [
    (lambda index: index.search(csr_array(np.eye(40))), r"Histories are a list of lists of item ids.*got a csr_array"),
    (lambda index: index.search(pl.DataFrame({"item_id": ["1"]})), "Histories are a list of lists .* got a DataFrame"),
    (lambda index: index.search([["item20"]], boosts=ei.Boost("tag", "new", 2)), "boosts are a list"),
    (lambda index: index.search([["item20"]], boosts=5), "boosts are a list"),
    (lambda index: index.search([["item20"]], weights=[[10**400]]), "needs 1 finite weights"),
    (lambda index: index.homepage(["item20"], rows=None), "rows must be a number, got None"),
    (lambda index: index.homepage(["item20"], k=None), "k must be a number, got None"),
    (lambda index: index.search([["item20"]]).to_frame(["a", "b"]), "one user for each of 1 rankings, got 2"),
])  # fmt: skip
def test_other_wrong_calls_of_an_index(index, call, message):
    with pytest.raises(ei.UsageError, match=message):
        call(index)


def test_numbers_of_numpy_are_numbers(tmp_path):
    with ei.Index.build(make_codes(40), tmp_path / "i", bits=np.int64(8), segments=None) as index:
        assert index.search([["item20"]], np.int64(3)).ids.shape == (1, 3)
        assert index.search([["item20"]], 3).to_frame(np.array([7]))["user_id"].to_list() == ["7"] * 3
