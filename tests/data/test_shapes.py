"""Every shape of a log gives what it should; docs/reference/shapes-of-logs.md is the table of it."""

import os
import threading
from pathlib import Path

import pytest

import elsa_index as ei

from .shapes import SHAPES, Shape

TABLE = Path(__file__).parents[2] / "docs" / "reference" / "shapes-of-logs.md"
WRITE = "ELSA_INDEX_TESTS_WRITE_SHAPES"
"""Where this variable is set the table is written anew instead of compared."""


def read(shape: Shape, folder: Path) -> ei.Interactions:
    files = shape.content if isinstance(shape.content, dict) else {shape.name: shape.content}
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return ei.read_interactions(folder / shape.name, **shape.options)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.what for shape in SHAPES])
def test_it_is_read_rightly_or_refused_in_one_sentence(shape, tmp_path):
    if shape.pairs is None:
        with pytest.raises(ei.DataError) as caught:
            read(shape, tmp_path)
        said = str(caught.value)
        assert shape.says in said
        assert "\n" not in said
        assert not {"polars", "infer_schema", "truncate_ragged", "pyarrow", "null_values"} & set(
            said.casefold().split()
        )
        return
    log = read(shape, tmp_path)
    assert set(log.pairs().select("user_id", "item_id").rows()) == shape.pairs
    said = " ".join(f"{name} {value}" for name, value in log.summary.items())
    assert shape.says in said


def what_happens(shape: Shape, folder: Path) -> str:
    try:
        summary = read(shape, folder).summary
    except ei.DataError as error:
        return f"refused: {str(error).replace(str(folder) + '/', '')}"
    told = [str(summary["read_as"])]
    usual = {"read_as", "rows", "users", "items", "interactions", "notes"}
    told += [f"{value} {name.replace('_', ' ')}" for name, value in summary.items() if name not in usual and value]
    return "; ".join(["read as " + told[0], *told[1:], *([str(summary["notes"])] if "notes" in summary else [])])


def options_of(shape: Shape) -> str:
    words = [f"{name}={value!r}" for name, value in shape.options.items() if name != "form"]
    form = shape.options.get("form")
    if form is not None:
        words += [f"{name}={value!r}" for name, value in vars(form).items() if value != getattr(ei.LogFormat(), name)]
    return ", ".join(words)


def test_the_table_of_shapes_is_true(tmp_path):
    lines = ["| a log | what is said of it | what happens |", "| --- | --- | --- |"]
    for number, shape in enumerate(SHAPES):
        (tmp_path / str(number)).mkdir()
        cells = shape.what, options_of(shape), what_happens(shape, tmp_path / str(number))
        lines.append("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |")
    before, _, _ = TABLE.read_text().partition("| a log |")
    made = before + "\n".join(lines) + "\n"
    if os.environ.get(WRITE):
        TABLE.write_text(made)
    assert TABLE.read_text() == made
    assert len(SHAPES) >= 60


@pytest.mark.parametrize(
    ("value", "form", "seconds"),
    [
        ("20240131", None, 1706659200), ("20240131235959", None, 1706745599), ("2024013123", None, 1706742000),
        ("20240131235959123", None, 1706745599.123), ("202401", None, 1704067200), ("2024-W05-3", None, 1706659200),
        ("2024-01-31T11", None, 1706698800), ("1706659200", None, 1706659200), ("1706659200000", None, 1706659200),
        ("2024-01-31 11:00:00.250", "%Y-%m-%d %H:%M:%S.%f", 1706698800.25),
        ("2024-01-31 11", "%Y-%m-%d %H", 1706698800),
        ("Jan 31, 2024", "%b %d, %Y", 1706659200), ("01/31/2024 11 PM", "%m/%d/%Y %I %p", 1706742000),
        ("2024-01-31 11:00 +0100", "%Y-%m-%d %H:%M %z", 1706695200),
    ],
)  # fmt: skip
def test_times_are_read_as_what_they_are(value, form, seconds, tmp_path):
    (tmp_path / "log.csv").write_text(f"user_id;item_id;time\nu;i;{value}\n")
    read = ei.read_interactions(tmp_path / "log.csv", time_column="time", form=ei.LogFormat(time_format=form))
    assert read.times.tolist() == [seconds]


@pytest.mark.parametrize(
    ("form", "said"),
    [("%H:%M", "must have a year"), ("%Y %Z", "names are no offsets"), ("%Y %Q", "one that strptime knows"),
     ("%Y-%m-%d", "row 1: time must be as %Y-%m-%d says, got '31/01/2024'")],
)  # fmt: skip
def test_formats_of_times_that_are_none_are_told(form, said, tmp_path):
    (tmp_path / "log.csv").write_text("user_id,item_id,time\nu,i,31/01/2024\n")
    with pytest.raises(ei.DataError, match=said) as caught:
        ei.read_interactions(tmp_path / "log.csv", time_column="time", form=ei.LogFormat(time_format=form))
    assert "\n" not in str(caught.value)


def test_links_are_followed_once_and_pipes_are_read(tmp_path):
    for folder, row in (("logs", "u1,a"), ("other", "u2,b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "day.csv").write_text(f"user_id,item_id\n{row}\n")
    (tmp_path / "logs" / "more").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "up").symlink_to(tmp_path / "logs")
    log = ei.read_interactions([tmp_path / "logs", tmp_path / "logs" / ".." / "other" / "day.csv"])
    assert log.summary["rows"] == 2
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_text("user_id,item_id\nu1,a\n"))
    writer.start()
    assert ei.read_interactions(tmp_path / "pipe").summary["rows"] == 1
    writer.join()


def test_files_of_a_folder_that_are_not_read_are_told(tmp_path):
    for name in ("day1.csv", "README.txt", "_SUCCESS", ".day1.csv.crc", "day3.log"):
        (tmp_path / name).write_text("user_id,item_id\nu1,a\n")
    (tmp_path / "day2.csv.bz2").write_bytes(b"BZh91AY")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    with pytest.warns(ei.DataWarning, match=r"'day2.csv.bz2', 'day3.log', 'gone.csv' not read, as names"):
        log = ei.read_interactions(tmp_path)
    assert log.summary["rows"] == 1


@pytest.mark.parametrize("encoding", ["base64", "rot13", "no-such"])
def test_encodings_that_are_none_are_told(encoding):
    with pytest.raises(ei.UsageError, match="encoding must be one that Python knows"):
        ei.LogFormat(encoding=encoding)
