"""Damaging files, one at a time, and opening what holds them in a process whose death is noticed.

    python -m tests.support.damage KIND DIRECTORY OTHER FLIPS SEED reseal|keep

prints a line of JSON per try. KIND: index, model or checkpoint. OTHER: another one, whose files are swapped in.
"""

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def attempts(directory: Path, other: Path, flips: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """(what, file, its content then): flipped bits, truncations, another one's file, for every file; and strangers."""
    rng = random.Random(seed)
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        name = path.relative_to(directory).as_posix()
        content = path.read_bytes()
        for turn in range(flips):
            # Every second one in the first bytes: headers.
            at = rng.randrange(min(128, len(content)) if turn % 2 else len(content))
            changed = bytearray(content)
            changed[at] ^= 1 << rng.randrange(8)
            yield f"bit of byte {at}", name, bytes(changed)
        for _ in range(1 + flips // 3):
            yield "truncated", name, content[: rng.randrange(len(content))]
        if (other / name).is_file() and (other / name).read_bytes() != content:
            yield "another one's", name, (other / name).read_bytes()


def reseal(directory: Path, name: str) -> None:
    """Makes all checksums of a directory anew, as somebody would who wants to be believed."""
    from elsa_index.storage.seal import list_files, sealed

    seals = [path for path in ("manifest.json", "codes.json", "checkpoint.json") if (directory / path).is_file()]
    if not seals or name == seals[0]:
        return
    content = json.loads((directory / seals[0]).read_text())
    content.pop("xxh3")
    content["files"] = {file: vars(entry) for file, entry in list_files(directory).items() if file != seals[0]}
    (directory / seals[0]).write_text(sealed(content))


def use(kind: str, directory: Path) -> str:
    """Opens and asks; what came of it, as text."""
    import elsa_index as ei

    if kind == "model":
        return ei.ItemCodes.load(directory).fingerprint
    if kind == "checkpoint":
        from elsa_index.training import checkpoints

        arrays, state = checkpoints.load(directory, {})
        return str({name: array.tobytes() for name, array in sorted(arrays.items())}) + str(state)
    with ei.Index.open(directory) as index:
        histories = [[index.ids[0], index.ids[5]], [index.ids[1]], ["stranger"]]
        found: list[Any] = []
        for exact in (False, index.can_be_exact):
            found.append(index.search(histories, 7, exact=exact).ids.tolist())
        if index.catalogue.tags is not None:
            found.append(index.search(histories, 7, tags=[index.catalogue.tags.names[0]]).ids.tolist())
        if index.segments is not None:
            found.append(index.rank_segments(histories[0], 5).numbers.tolist())
            found.append([row.items for row in index.homepage(histories[0], fewest=1).rows])
        found.append(index.titles.find("a", 3).tolist())
        return json.dumps(found)


def main() -> None:
    kind, directory, other, flips, seed, how = sys.argv[1:]
    from elsa_index.errors import ElsaIndexError

    whole = use(kind, Path(directory))
    for what, name, content in attempts(Path(directory), Path(other), int(flips), int(seed)):
        print(json.dumps([name, what, "died"]), flush=True)
        with tempfile.TemporaryDirectory(dir=Path(directory).parent) as place:
            copy = Path(place) / "copy"
            shutil.copytree(directory, copy)
            (copy / name).write_bytes(content)
            if how == "reseal":
                reseal(copy, name)
            try:
                outcome = "the same" if use(kind, copy) == whole else "other answers"
            except ElsaIndexError:
                outcome = "refused"
            except Exception as error:
                outcome = f"{type(error).__name__}: {error}"[:200]
        print(json.dumps([name, what, outcome]), flush=True)


def outcomes(kind: str, directory: Path, other: Path, *, flips: int, how: str, seed: int = 1) -> list[list[str]]:
    """(file, what, outcome) of every try; `died` for the one at which the process did."""
    arguments = [kind, str(directory), str(other), str(flips), str(seed), how]
    done = subprocess.run([sys.executable, "-m", "tests.support.damage", *arguments], capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    tries = [line for line in lines if line[2] != "died"]
    if lines and lines[-1][2] == "died":
        tries.append([*lines[-1][:2], f"died: {done.returncode} {done.stderr[-300:]}"])
    elif done.returncode:
        raise RuntimeError(done.stderr)
    return tries


def counts(tries: list[list[str]]) -> dict[str, int]:
    return dict(Counter(outcome for _, _, outcome in tries))


if __name__ == "__main__":
    main()
