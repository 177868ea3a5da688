"""Logs in the shapes that people have them in: what is in the file, how it is read, and what comes of it."""

import bz2
import gzip
import io
import json
import pickle
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import polars as pl

import elsa_index as ei

Pairs = set[tuple[str, str]]
PAIRS: Pairs = {("u1", "a"), ("u1", "b"), ("u2", "a")}
TABLE = "user_id,item_id\nu1,a\nu1,b\nu2,a\n"


@dataclass(frozen=True)
class Shape:
    """A log. what: in words. content: of the file, or of several by name. options: of `read_interactions`. pairs: what
    is in it. says: part of the summary, or of the error where `pairs` is None."""

    what: str
    content: bytes | dict[str, bytes]
    name: str = "log.csv"
    options: dict[str, Any] = field(default_factory=dict)
    pairs: Pairs | None = field(default_factory=lambda: PAIRS)
    says: str = ""


def written(write: Callable[[io.BytesIO], Any]) -> bytes:
    buffer = io.BytesIO()
    write(buffer)
    return buffer.getvalue()


def parquet(**columns: Any) -> bytes:
    return written(pl.DataFrame(columns).write_parquet)


def form(**values: Any) -> dict[str, Any]:
    return {"form": ei.LogFormat(**values)}


def by_number(**values: Any) -> dict[str, Any]:
    return {"user_column": 1, "item_column": 2, "form": ei.LogFormat(header=False, **values)}


def text(value: str, encoding: str = "utf-8") -> bytes:
    return value.encode(encoding)


NUMBERS: Pairs = {("1", "10"), ("1", "11"), ("2", "10")}
DATED = {"time_column": "time"}
UUIDS = [uuid.UUID(int=number) for number in (1, 2)]
SHAPES = [
    Shape("commas", text(TABLE)),
    Shape("commas, lines that end as on Windows", text(TABLE.replace("\n", "\r\n"))),
    Shape("commas, lines that end as on old Macs", text(TABLE.replace("\n", "\r"))),
    Shape("no line break at the end", text(TABLE.rstrip())),
    Shape("tabs", text(TABLE.replace(",", "\t")), "log.tsv", says="separated by tabs"),
    Shape("tabs in a .csv", text(TABLE.replace(",", "\t")), says="separated by tabs"),
    Shape("semicolons", text(TABLE.replace(",", ";")), says="separated by semicolons"),
    Shape(
        "semicolons, commas as decimal points", b"user_id;item_id;rating\nu1;a;4,5\nu1;b;3,0\nu2;a;5\nu2;b;1,5\n",
        options={"value_column": "rating", "min_value": 2},
    ),
    Shape("bars", text(TABLE.replace(",", "|")), says="separated by bars"),
    Shape("spaces", text(TABLE.replace(",", " ")), "log.txt", says="separated by spaces"),
    Shape("two colons, with a header", text(TABLE.replace(",", "::")), "log.dat", says="separated by ::"),
    Shape("MovieLens .dat, no header", b"1::10::5::978300760\n1::11::3::978302109\n2::10::4::978301968\n", 
          "ratings.dat",           by_number(), NUMBERS, "separated by ::"),
    Shape("MovieLens u.data, no header", b"1\t10\t3\t881250949\n1\t11\t3\t881250949\n2\t10\t1\t881250949\n", 
          "u.data",           by_number(), NUMBERS, "separated by tabs"),
    Shape("no header, and nothing said", b"1,10\n1,11\n2,10\n", options={}, pairs=None, says="pass --no-header"),
    Shape("no header, columns named by its first row", b"1,10\n1,11\n2,10\n",
          options={"user_column": "1", "item_column": "10"}, pairs=None,
          says="If it is a row of data pass --no-header"),
    Shape("a header of numbers, said to be one", b"1,10\nu1,a\nu1,b\nu2,a\n",
          options={"user_column": "1", "item_column": "10", "form": ei.LogFormat(header=True)}),
    Shape("a byte order mark", b"\xef\xbb\xbf" + text(TABLE)),
    Shape("UTF-16 with its mark (Excel's Unicode text)", text(TABLE.replace(",", "\t"), "utf-16"), "log.txt",
          says="the text is UTF-16"),
    Shape("UTF-16 without a mark", text(TABLE, "utf-16-le"), pairs=None, says="pass --encoding utf-16"),
    Shape("UTF-16 without a mark, said", text(TABLE, "utf-16-le"), options=form(encoding="utf-16-le")),
    Shape("Latin-1", text("user_id,item_id\nu1,Müsli\n", "latin-1"), pairs=None,
          says="line 2: the byte 0xfc is no UTF-8; say what the text is, --encoding"),
    Shape("Latin-1, said", text("user_id,item_id\nu1,Müsli\n", "latin-1"), options=form(encoding="latin-1"),
          pairs={("u1", "Müsli")}),
    Shape("gzip", gzip.compress(text(TABLE)), "log.csv.gz"),
    Shape("gzip that its name does not tell", gzip.compress(text(TABLE)), "log.csv"),
    Shape("a cut gzip", gzip.compress(text(TABLE))[:-9], "log.csv.gz", pairs=None, says="is no whole gzip file"),
    Shape("all fields in quotes", b'"user_id","item_id"\n"u1","a"\n"u1","b"\n"u2","a"\n'),
    Shape("a separator within quotes", b'user_id,item_id\nu1,"a, or b"\n', pairs={("u1", "a, or b")}),
    Shape("a doubled quote", b'user_id,item_id\nu1,"12"" single"\n', pairs={("u1", '12" single')}),
    Shape("an inch mark in an id", b'user_id,item_id\nu1,12" single\nu1,b\n', 
          pairs={("u1", '12" single'), ("u1", "b")}),
    Shape("an inch mark in another column", text(TABLE.replace("id\n", "id,title\n")
          .replace("b\n", 'b,TV 55" black\n'))),
    Shape("a quote that begins a name and another that ends one, rows later",
          b'user_id,item_id,n\nu1,"Open,1\nu2,b,2\nu3,Close",1\n', pairs=None,
          says="row 1: a quoted field runs over 3 lines, which look like rows"),
    Shape("the same, quotes being characters", b'user_id,item_id,n\nu1,"Open,1\nu2,b,2\nu3,Close",1\n',
          options=form(quotes=False), pairs={("u1", '"Open'), ("u2", "b"), ("u3", 'Close"')}),
    Shape("a quote that never closes", b'user_id,item_id\nu1,a\nu1,"b\nu2,a\n', pairs=None,
          says="row 2: a field begins with a quote and does not end with one"),
    Shape("a quote that closes in mid-field", b'user_id\titem_id\nu1\t"Odd" Name\n', pairs=None,
          says="row 1: a field begins with a quote and does not end with one"),
    Shape("a review that runs over lines", b'user_id,item_id,text\nu1,a,"good\n\nvery, very good"\nu1,b,\nu2,a,\n',
          says="a quoted field runs over 3 lines, the first in row 1"),
    Shape("an id that runs over lines", b'user_id,item_id\nu1,"new\nline"\n', pairs={("u1", "new\nline")},
          says="a quoted field runs over 2 lines"),
    Shape("blanks around ids", b"user_id, item_id\nu1, a\nu1 , b\nu2, a\n", says="blanks around"),
    Shape("blank lines", text(TABLE.replace("\n", "\n\n")), says="blank rows"),
    Shape("lines before the header are blank", b"\n\n" + text(TABLE)),
    Shape("a separator at the end of each row", text(TABLE.replace("a\n", "a,\n").replace("b\n", "b,\n")),
          says="separators at their end"),
    Shape("a row with too many fields", b"user_id,item_id\nu1,a\nu1,b,c\n", pairs=None,
          says="row 2: it has 3 fields, and there are 2 columns"),
    Shape("a row with too few fields", b"user_id,item_id\nu1,a\nu1\n", pairs=None, says="row 2: item_id is empty"),
    Shape("a comment first", b"# exported in May\n" + text(TABLE), pairs=None,
          says="leave such lines out, --comment '#'"),
    Shape("a comment first, left out", b"# exported in May\n" + text(TABLE), options=form(comment="#"),
          says="comment lines"),
    Shape("the header again in mid-file", text(TABLE + TABLE.replace("u1,a\n", "")), says="headers within"),
    Shape("the header in other words", text(TABLE.replace("user_id", "userId")), pairs=None, says="Is it 'userId'?"),
    Shape("a column twice", b"user_id,item_id,item_id\nu1,a,b\n", pairs=None, says="more than once"),
    Shape("columns of other names", b"visitor,sku\nu1,a\nu1,b\nu2,a\n",
          options={"user_column": "visitor", "item_column": "sku"}),
    *(Shape(f"a missing id written as {word or 'nothing'!r}", text(TABLE + f"u9,{word}\n"), pairs=None,
            says="row 4: item_id is ") for word in ("", " ", "NaN", "NULL", "None", "<NA>", "\\N")),
    Shape("a missing id in Parquet", parquet(user_id=["u1", "u1"], item_id=["a", None]), "log.parquet", pairs=None,
          says="row 2: item_id is empty"),
    Shape("NaN in a column of numbers in Parquet", parquet(user_id=[1, 1], item_id=[10.0, float("nan")]), "log.parquet",
          pairs=None, says="row 2: item_id is empty"),
    Shape("ids that pandas made floats, Parquet", parquet(user_id=[1, 1, 2], item_id=[10.0, 11.0, 10.0]), "log.parquet",
          pairs=NUMBERS),
    Shape("ids that pandas made floats, CSV", b"user_id,item_id\n1,10.0\n1,11.0\n2,10.0\n", pairs=NUMBERS,
          says="item_id holds numbers such as 10.0, read as 10"),
    Shape("numbers as ids in Parquet", parquet(user_id=[1, 1, 2], item_id=[10, 11, 10]), "log.parquet", pairs=NUMBERS),
    Shape("Parquet without its name", parquet(user_id=["u1", "u1", "u2"], item_id=["a", "b", "a"]), "log",
          says="Parquet"),
    Shape("categories in Parquet", written(pl.DataFrame({"user_id": ["u1", "u1", "u2"], "item_id": ["a", "b", "a"]})
          .cast(pl.Categorical).write_parquet), "log.parquet"),
    Shape("bytes that are text in Parquet", parquet(user_id=[b"u1", b"u1", b"u2"], item_id=[b"a", b"b", b"a"]),
          "log.parquet"),
    Shape("bytes that are UUIDs in Parquet", parquet(user_id=["u1", "u1"], item_id=[one.bytes for one in UUIDS]),
          "log.parquet", pairs={("u1", str(one)) for one in UUIDS}),
    Shape("bytes that are neither", parquet(user_id=["u1"], item_id=[b"\xff\xfe\x01"]), "log.parquet", pairs=None,
          says="holds bytes that are neither UTF-8 nor UUIDs"),
    Shape("a folder of Parquet parts", {"log/part-0.parquet": parquet(user_id=["u1", "u1"], item_id=["a", "b"]),
          "log/_SUCCESS": b"", "log/part-1.parquet": parquet(user_id=["u2"], item_id=["a"])}, "log"),
    Shape("several files", {"a.csv": b"user_id,item_id\nu1,a\nu1,b\n", "b.csv": b"user_id;item_id\nu2;a\n"}, "*.csv",
          says="files"),
    Shape("a pattern that no file matches", {}, "*.parquet", pairs=None, says="No file matches"),
    Shape("an empty folder", {"log/.hidden": b""}, "log", pairs=None, says="is a folder without files that are read"),
    Shape("JSON lines", b'{"user_id":"u1","item_id":"a"}\n{"user_id":"u1","item_id":"b","n":1}\n'
          b'{"item_id":"a","user_id":"u2"}\n',
          "log.jsonl", says="JSON lines"),
    Shape("JSON lines, gzip, numbers", gzip.compress(b"".join(
          text(json.dumps({"user_id": int(user), "item_id": int(item)}) + "\n") for user, item in sorted(NUMBERS))),
          "log.json.gz", pairs=NUMBERS),
    Shape("a list of JSON objects", b'[{"user_id":"u1","item_id":"a"},{"user_id":"u1","item_id":"b"},'
          b'{"user_id":"u2","item_id":"a"}]', "log.json"),
    Shape("JSON with a bad line", b'{"user_id":"u1","item_id":"a"}\n{"user_id":\n', 
          "log.jsonl", pairs=None,           says="row 2: it is no JSON"),
    Shape("JSON without an id in a line", b'{"user_id":"u1","item_id":"a"}\n{"user_id":"u1"}\n', 
          "log.jsonl", pairs=None,           says="row 2: item_id is empty"),
    Shape("RecBole's .inter", b"user_id:token\titem_id:token\trating:float\nu1\ta\t5\nu1\tb\t3\nu2\ta\t4\n", 
          "ml.inter",           says="RecBole's typed header"),
    Shape("LightGCN's lines", b"1 10 11\n2 10\n3\n", "train.txt", pairs=NUMBERS,
          says="a user and its items on each line"),
    Shape("lines of one item each, said to be such", b"1 10\n2 10\n", "train.txt", form(kind="lines"),
          {("1", "10"), ("2", "10")}),
    Shape("Netflix's blocks", b"10:\n1,3,2005-09-06\n2,5,2005-05-13\n11:\n1,4,2005-10-19\n", 
          "combined.txt", pairs=NUMBERS,           says="Netflix's blocks"),
    Shape("events of all kinds", b"user_id,item_id,event\nu1,a,buy\nu1,b,view\nu2,a,view\n",
          says="--where event=… chooses some"),
    Shape("events of a kind", b"user_id,item_id,event\nu1,a,buy\nu1,b,view\nu2,a,buy\n",
          options={"where": {"event": ["buy"]}}, pairs={("u1", "a"), ("u2", "a")}, says="dropped_by_where"),
    Shape("events of a kind that there is not", b"user_id,item_id,event\nu1,a,buy\nu1,b,view\n",
          options={"where": {"event": ["sale"]}}, pairs=None, says="no row has event sale; there are"),
    Shape("events of two kinds, one of them misspelt", b"user_id,item_id,event\nu1,a,buy\nu1,b,view\nu2,a,buy\n",
          options={"where": {"event": ["buy", "carrt"]}}, pairs={("u1", "a"), ("u2", "a")},
          says="no row has event carrt; there are buy, view"),
    Shape("events that one of several files has",
          {"1.csv": b"user_id,item_id,event\nu1,a,view\n", "2.csv": b"user_id,item_id,event\nu2,a,buy\n"}, "",
          options={"where": {"event": ["buy"]}}, pairs={("u2", "a")}, says="dropped_by_where 1"),
    Shape("a weight of a kind that there is not", b"user_id,item_id,event\nu1,a,buy\nu1,b,view\n",
          options={"weights": {"view": 1, "buy": 3, "zoo": 2}}, pairs={("u1", "a"), ("u1", "b")},
          says="no row has event zoo; there are buy, view"),
    Shape("ISO times and days", text(TABLE.replace("id\n", "id,time\n").replace("a\n", "a,2024-01-31T10:00:00Z\n")
          .replace("b\n", "b,2024-02-01\n")), options=DATED),
    Shape("ISO days", text(TABLE.replace("id\n", "id,time\n").replace("a\n", "a,2024-01-31\n")
          .replace("b\n", "b,2024-02-01\n")), options=DATED),
    Shape("days before months", b"user_id,item_id,time\nu1,a,31/01/2024\nu1,b,01/02/2024\nu2,a,02/02/2024\n",
          options=DATED, says="time is %d/%m/%Y"),
    Shape("days and months that cannot be told apart", b"user_id,item_id,time\nu1,a,01/02/2024\nu1,b,02/02/2024\n",
          options=DATED, pairs=None, says="say which, --time-format"),
    Shape("the same, said", b"user_id,item_id,time\nu1,a,01/02/2024\nu1,b,02/02/2024\nu2,a,03/02/2024\n",
          options=DATED | form(time_format="%d/%m/%Y")),
    Shape("a time that is none", b"user_id,item_id,time\nu1,a,10\nu1,b,soon\nu2,a,12\n", options=DATED, pairs=None,
          says="row 2: time must be a finite number, as others are, got 'soon'"),
    Shape("times in seconds, and one in milliseconds", b"user_id,item_id,time\nu1,a,1700000001\nu1,b,1700000002\n"
          b"u2,a,1700000005000\n", options=DATED, pairs=None, says="row 3: time must be in seconds, as most are"),
    Shape("times in milliseconds, and one in seconds", b"user_id,item_id,time\nu1,a,1700000001000\nu1,b,1700000002\n"
          b"u2,a,1700000005000\n", options=DATED, pairs=None, says="row 2: time must be in milliseconds, as most are"),
    Shape("years of two digits", b"user_id,item_id,time\nu1,a,19-12-25\nu1,b,20-12-31\n", options=DATED, pairs=None,
          says="row 1: time must be a date with a year of four digits"),
    Shape("the same, said", b"user_id,item_id,time\nu1,a,19-12-25\nu1,b,20-12-31\nu2,a,20-01-01\n",
          options=DATED | form(time_format="%y-%m-%d")),
    Shape("times with and without a zone", b"user_id,item_id,time\nu1,a,2024-01-01T10:00:00\n"
          b"u1,b,2024-01-01T10:00:00Z\nu2,a,2024-01-02 10:00:00.5+02:00\n", options=DATED),
    Shape("numbers that may be thousands", b'user_id,item_id,n\nu1,a,"1,000"\nu1,b,350\nu2,a,20\n', 
          options={"weight_column": "n"}, pairs=None, says="row 1: n must be a number without a comma"),
    Shape("numbers with a decimal comma", b'user_id,item_id,n\nu1,a,"1,000"\nu1,b,"3,5"\nu2,a,20\n', 
          options={"weight_column": "n"}),
    Shape("a list of items in JSON", b'{"user_id": "u1", "item_id": ["a", "b"]}\n', "log.jsonl", pairs=None,
          says="row 1: item_id holds a list or an object, and one value per row is needed"),
    Shape("an object in JSON", b'{"user_id": "u1", "item_id": "a"}\n{"user_id": {"$oid": 1}, "item_id": "b"}\n',
          "log.jsonl", pairs=None, says="row 2: user_id holds a list or an object"),
    Shape("lists in Parquet", parquet(user_id=["u1"], item_id=[["a", "b"]]), "log.parquet", pairs=None,
          says="item_id holds a list or an object"),
    Shape("half a character in JSON", b'{"user_id": "u1", "item_id": "\\ud83d"}\n', "log.jsonl", pairs=None,
          says="row 1: item_id holds half a character"),
    Shape("joined files with byte order marks", b"\xef\xbb\xbfuser_id,item_id\nu1,a\nu1,b\n"
          b"\xef\xbb\xbfuser_id,item_id\nu2,a\n", says="headers within 1"),
    Shape("joined files of RecBole", b"user_id:token\titem_id:token\nu1\ta\nu1\tb\n"
          b"user_id:token\titem_id:token\nu2\ta\n", "log.inter", says="headers within 1"),
    Shape("joined files of columns in another order", b"user_id,item_id\nu1,a\nitem_id,user_id\na,u2\n", pairs=None,
          says="row 2: user_id must be a value, not a header of columns in another order"),
    Shape("a separator of two characters within quotes", b'user_id::item_id\nu1::"a::b"\nu2::c\n', 
          pairs={("u1", "a::b"), ("u2", "c")}),
    Shape("a user, a tab and its items", b"1\t10 11\n2\t10\n", "log.txt", pairs=NUMBERS,
          says="a user and its items on each line"),
    Shape("a user and its items, all after commas, said to be such", b"1,10,11\n2,10\n", "log.txt",
          form(kind="lines", separator=","), NUMBERS),
    Shape("lines of one word, said to be a user and its items", b"1,10,11\n2,10\n", "log.txt", form(kind="lines"), None,
          says="no line of a user and its items"),
    Shape("ids that R and Excel miss", b"user_id,item_id\nu1,a\nu1,NA\nu2,#N/A\n", pairs=None,
          says="row 2: item_id is missing ('NA') (2 such rows)"),
    Shape("whole numbers, one of them with a zero behind a point", b"user_id,item_id\n1.0,10\n1,11\n2,10\n",
          pairs=NUMBERS, says="user_id holds numbers such as 1.0, read as 1"),
    Shape("the same beside texts", b"user_id,item_id\n1.0,a\n1,b\nu1,a\n", pairs={("1", "a"), ("1", "b"), ("u1", "a")},
          says="user_id holds numbers such as 1.0, read as 1"),
    Shape("the same in one file of a folder", {"logs/a.csv": b"user_id,item_id\n1.0,10.0\n2.0,11.0\n",
          "logs/b.csv": b"user_id,item_id\n1.0,x\nabc,10.0\n"}, "logs",
          pairs={("1", "10"), ("2", "11"), ("1", "x"), ("abc", "10")}),
    Shape("Parquet of whole numbers and others", parquet(user_id=[1.0, 1.0, 2.0], item_id=[10.0, 2.5, 10.0]),
          "log.parquet", pairs={("1", "10"), ("1", "2.5"), ("2", "10")}),
    Shape("ids that Excel rounded", b"user_id,item_id\nu1,1.23457E+18\n", pairs=None,
          says="row 1: item_id must be an id as it is, not a number that a program rounded"),
    Shape("ids that look like numbers", b"user_id,item_id\n12e4567,1e5\n0x1F,1_000\n+1,-0\n",
          pairs={("12e4567", "1e5"), ("0x1F", "1_000"), ("+1", "-0")}),
    Shape("ids of nothing that is seen", text("user_id,item_id\nu1,\u200b\n"), pairs=None, says="item_id is missing"),
    Shape("a row with the columns' names in capitals", b"u,i\nu1,a\nu1,b\nU,I\nu2,a\n", options={"user_column": "u",
          "item_column": "i"}, pairs=PAIRS | {("U", "I")}),
    Shape("Parquet whose columns are called by numbers", parquet(**{"0": [0, 0, 5], "1": [1, 2, 1]}), "log.parquet",
          {"user_column": "0", "item_column": "1"}, {("0", "1"), ("0", "2"), ("5", "1")}),
    Shape("columns called by numbers, said to be a header", b"0,1\n0,1\n0,2\n5,1\n", options={"user_column": "0",
          "item_column": "1"} | form(header=True), pairs={("0", "1"), ("0", "2"), ("5", "1")}),
    Shape("columns in brackets, as SQL Server has them", b"[user_id],[item_id]\nu1,a\nu1,b\nu2,a\n", 
          options={"user_column": "[user_id]", "item_column": "[item_id]"}),
    Shape("quotes after a blank", b'user_id, item_id\n"u1", "a"\n"u1", "b"\n"u2", "a"\n'),
    Shape("a comment's mark within a quoted field", b'user_id,item_id,note\nu1,a,"5\n#6"\nu1,b,\n# no row "\nu2,a,\n',
          options=form(comment="#"), says="1"),
    Shape("a field of 200,000 letters", b'user_id,item_id,text\nu1,a,' + 200_000 * b"x" + b'\nu1,b,"y"\nu2,a,\n'),
    Shape("three columns of two names", b"user_id,item_id,a,a,a_2\nu1,a,1,2,3\nu1,b,1,2,3\nu2,a,1,2,3\n"),
    Shape("UTF-32", text(TABLE, "utf-32"), says="UTF-32"),
    Shape("a byte 0 far behind", text(TABLE) + 2000 * b"u1,a\n" + b"u\0,a\n", pairs=None, says="it holds bytes 0"),
    Shape("lines of a user and its items, with a comment", b"# made by\n1 10 11\n2 10\n", "log.txt",
          form(comment="#"), NUMBERS),
    Shape("items with rare blanks within", text("u1\ta\u2028b\nu2\tc\x0cd\x1ce\n"), "log.txt", form(kind="lines"),
          {("u1", "a\u2028b"), ("u2", "c\x0cd\x1ce")}),
    Shape("JSON lines with a comment", b'# made by\n{"user_id": 1, "item_id": 2}\n', "log.jsonl", form(comment="#"),
          {("1", "2")}),
    Shape("JSON lines that end as on old Macs", b'{"user_id": 1, "item_id": 2}\r{"user_id": 1, "item_id": 3}\r',
          "log.jsonl", pairs={("1", "2"), ("1", "3")}),
    Shape("JSON with a key twice", b'{"user_id": 1, "user_id": 3, "item_id": 2}\n', "log.jsonl", pairs=None,
          says="row 1: 'user_id' is there more than once"),
    Shape("JSON with numbers of many digits", b'{"user_id": 9007199254740993.0, "item_id": 12345678901234567891}\n'
          b'{"user_id": 0.1000000000000000055, "item_id": 1E2}\n', "log.jsonl", pairs={
          ("9007199254740993", "12345678901234567891"), ("0.1000000000000000055", "1E2")}),
    Shape("Netflix's blocks with a line that is neither", b"1:\n5,3,2005-01-01\nB2:\n6,4,2005-01-02\n", "log.txt",
          pairs=None, says="row 3: it must be user, rating and date with commas between them"),
    Shape("a folder of files and of folders, by a pattern", {
          "a.csv": b"user_id,item_id\nu1,a\n", "b.csv/part-0.csv": b"user_id,item_id\nu1,b\nu2,a\n"}, "*.csv"),
    Shape("a folder with a file of licenses that were sold", {"logs/a.csv": b"user_id,item_id\nu1,a\n",
          "logs/licenses.csv": b"user_id,item_id\nu1,b\nu2,a\n", "logs/LICENSE": b"MIT", "logs/readme.txt": b"."},
          "logs"),
    *(Shape(f"dates of digits, {what}", text("user_id,item_id,time\n" + "".join(f"u1,{at},{value}\n" for at, value in
          enumerate(values))), options=DATED, pairs={("u1", str(at)) for at in range(len(values))} if says in
          values[0] else None, says=says) for what, values, says in [
        ("days", ("20240131", "20240201"), "20240131"),
        ("days that pandas keeps", ("20240131.0", "20240201.0"), "20240131"),
        ("hours", ("2024013123", "2024020100"), "2024013123"), ("minutes", ("202401312359",), "202401312359"),
        ("thousandths", ("20240131235959123",), "20240131235959123"), ("months", ("202401", "202402"), "202401"),
        ("one of them none", ("20240131", "20240201", "20240230"), "row 3: time must be a date such as 20240131"),
        ("one of them 0", ("20240131", "20240201", "0"), "row 3: time must be a date such as 20240131"),
        ("days before months", ("20241301", "20242001"), "row 1: time must be a date such as 20240131"),
    ]),
    Shape("times of ISO 8601 that few write", b"user_id,item_id,time\nu1,a,2024-01-05t10:00:00z\nu1,b,2024-W05-3\n"
          b"u2,a,\"2024-01-31T11:00:00,5\"\n", options=DATED),
    Shape("times with and without a clock", b"user_id,item_id,time\nu1,a,2024/01/31 10:00:00\n"
          b"u1,b,2024/01/31 11:00:00\nu2,a,2024/02/01\n", options=DATED, pairs=None,
          says="row 3: time must be a time as %Y/%m/%d %H:%M:%S, as others are"),
    Shape("ids that hold zeros first", b"user_id,item_id\n007,00010\n", pairs={("007", "00010")}),
    Shape("ids of twenty digits", b"user_id,item_id\n12345678901234567890,a\n", pairs={("12345678901234567890", "a")}),
    Shape("an empty file", b"", pairs=None, says="is empty"),
    Shape("a header and nothing else", b"user_id,item_id\n", pairs=None, says="a header and no rows"),
    Shape("a first line that tells Excel the separator", b"sep=;\r\nuser_id;item_id\r\nu1;a\r\nu1;b\r\nu2;a\r\n",
          says="separated by semicolons"),
    Shape("a workbook of Excel", b"PK\x03\x04\x14\0\6\0xl/workbook.xml", "log.xlsx", pairs=None,
          says="is a zip archive, as Excel's workbooks are: write it as CSV or Parquet"),
    Shape("packed by bzip2", bz2.compress(text(TABLE)), "log.csv.bz2", pairs=None,
          says="is packed by bzip2: unpack it"),
    Shape("a Feather file", written(pl.DataFrame({"user_id": ["u1"], "item_id": ["a"]}).write_ipc), "log.feather",
          pairs=None, says="is a Feather file: write it as Parquet"),
    Shape("a pickle", pickle.dumps({"user_id": ["u1"]}, protocol=4), "log.pkl", pairs=None, says="is a pickle"),
    Shape("the directory that split wrote", {"split/split.json": b"{}", "split/hidden.parquet":
          parquet(user_id=["u1"], item_id=["a"])}, "split", pairs=None, says="is a split, of which a part is hidden"),
    Shape("times with offsets", b"user_id,item_id,time\nu1,a,2024-01-31T10:00:00+02:00\nu1,b,2024-01-31T10:00:00Z\n"
          b"u2,a,2024-01-31T10:00:00.5Z\n", options=DATED),
    Shape("a column called row", b"row,user_id,item_id\n9,u1,a\n9,u1,b\n9,u2,a\n"),
    Shape("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "log.png", pairs=None, says="is no text: it holds bytes 0"),
]  # fmt: skip
