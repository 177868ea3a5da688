"""Filters, boosts, diversity, pages and seen items, as a user types them."""

import json

import polars as pl
import pytest

import elsa_index as ei

from ..support.catalogues import make_tastes
from ..support.command_line import run


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    codes, known = make_tastes()
    path = tmp_path_factory.mktemp("filters")
    codes.save(path / "m")
    pl.DataFrame(known).write_csv(path / "films.csv")
    run(
        "build", path / "m", "-o", path / "i", "--engine", "exact", "--metadata", path / "films.csv", "--number", "year"
    )
    return path


def items(place, *options):
    found = json.loads(run("search", place / "i", "--items", "t3-4,t3-5", "-k", 20, *options, "--json").stdout)
    return [item["item_id"] for item in found["results"][0]["items"]]


def expected(place, k=20, **options):
    with ei.Index.open(place / "i") as index:
        return index.search([["t3-4", "t3-5"]], k, **options).rankings[0].items


def test_all_is_heard(place, tmp_path):
    (tmp_path / "shelf.txt").write_text("t1-1\nt1-2\nstranger\n")
    segments = ("segment:0", "segment:1")
    assert items(place, "--any-tag", "segment:0", "--any-tag", "segment:1") == expected(place, any_tags=segments)
    assert items(place, "--no-tag", "segment:0") == expected(place, no_tags=["segment:0"])
    assert items(place, "--range", "year=1990..1999") == expected(place, ranges={"year": (1990, 1999)})
    assert items(place, "--range", "year=..1960") == expected(place, ranges={"year": (None, 1960)})
    assert items(place, "--only", tmp_path / "shelf.txt") == expected(place, only=["t1-1", "t1-2"])
    assert items(place, "--keep-seen") == expected(place, keep_seen=True)
    assert items(place, "--boost", "power:year=9") == expected(place, boosts=["power:year=9"])
    assert items(place, "--diversity", 0.8) == expected(place, diversity=0.8)
    assert items(place, "--diversity", 0.8, "--diversity-by", "codes") == expected(
        place, diversity=0.8, diversity_by="codes"
    )
    assert items(place, "--offset", 5) == expected(place, 25)[5:]
    one = ("search", place / "i", "--items", "t3-4")
    assert "1 wanted item is not in the index: 'stranger'" in run(*one, "--only", tmp_path / "shelf.txt").stderr
    either = run(*one, "--any-tag", "segment:0", "--any-tag", "segmnt:1")
    assert "no item carries the tag 'segmnt:1'" in either.stderr
    assert "diversity costs" in run(*one, "--diversity", 0.5).stderr
    page = run("homepage", place / "i", "--items", "t3-4", "--range", "year=1990..", "--no-tag", "segment:0", "--json")
    with ei.Index.open(place / "i") as index:
        rows = index.homepage(["t3-4"], ranges={"year": (1990, None)}, no_tags=["segment:0"]).rows
    assert [row["items"] for row in json.loads(page.stdout)["rows"]] == [row.items for row in rows]


def test_seen_items_come_back_after_a_while(place, tmp_path):
    (tmp_path / "h.csv").write_text("user_id,item_id,time\nu,t3-4,2024-01-01\nu,t3-5,2024-03-01\n")
    asked = ("search", place / "i", "--histories", tmp_path / "h.csv", "-k", 300, "--json")
    found = json.loads(run(*asked, "--time-column", "time", "--seen-after", "30d").stdout)["results"][0]["items"]
    assert {"t3-4", "t3-5"} & {item["item_id"] for item in found} == {"t3-4"}
    assert "needs times: pass --time-column" in run(*asked, "--seen-after", "30d", status=2).stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--range", "year"), "--range must be NAME=LEAST..MOST, for example price=5..20"),
        (("--range", "year=.."), "--range must be NAME=LEAST..MOST"),
        (("--range", "cost=1..2"), "The index has no numbers 'cost'; it has 'year'"),
        (("--range", "year=new..2"), "ends of the range of year must be a number; got 'new'"),
        (("--boost", "new"), "A boost is such as tag:new=1.5"),
        (("--boost", "age:year=old"), "such as 30d or 12h"),
        (("--diversity", 2), "diversity must be from 0 to 1"),
        (("--offset", -1), "offset must be at least 0"),
        (("--only", "nowhere.txt"), "nowhere.txt"),
    ],
)
def test_what_cannot_be_is_told(place, options, said):
    assert said in run("search", place / "i", "--items", "t3-4", *options, status=None).stderr


def test_numbers_that_are_none_are_told(place, tmp_path):
    build = ("build", place / "m", "-o", tmp_path / "i", "--engine", "exact", "--number")
    assert "pass --metadata FILE too" in run(*build, "year", status=2).stderr
    films = ("--metadata", place / "films.csv")
    assert "no column 'price' of numbers; it has" in run(*build, "price", *films, status=2).stderr
    assert "genres of the item 't0-0' must be a number" in run(*build, "genres", *films, status=1).stderr
    assert not (tmp_path / "i").exists()
