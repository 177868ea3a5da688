"""Files in parts."""

from elsa_index.engines.batching import Counter
from elsa_index.exporting.parts import write_parts


def test_parts_roll_over_and_hold_every_line_in_order(tmp_path):
    lines = [f"{number:04d}\n".encode() for number in range(1000)]
    seen: list[tuple[int, int]] = []
    write_parts(lines, tmp_path, "part-%03d", Counter(1000, lambda done, total: seen.append((done, total))), 300)
    parts = sorted(tmp_path.iterdir())
    assert [path.name for path in parts] == [f"part-{number:03d}" for number in range(17)]
    assert all(path.stat().st_size == 300 for path in parts[:-1])
    assert parts[-1].stat().st_size == 200
    assert b"".join(path.read_bytes() for path in parts) == b"".join(lines)
    assert seen[-1] == (1000, 1000)


def test_a_part_that_is_just_full_is_followed_by_no_empty_one(tmp_path):
    write_parts([b"123\n"] * 6, tmp_path, "part-%d", Counter(6, None), 12)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part-0", "part-1"]


def test_no_lines_are_no_parts(tmp_path):
    write_parts([], tmp_path, "part-%d", Counter(0, None), 12)
    assert list(tmp_path.iterdir()) == []
