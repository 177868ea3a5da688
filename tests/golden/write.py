"""Golden indexes: what a release wrote, and what it answered. Those of a format stay as they are, for ever.

Command: python -m tests.golden.write DIRECTORY (of a new format, by Python 3.11, whose Lucene is the older one)
"""

import json
import sys
from pathlib import Path

import elsa_index as ei

from ..support.catalogues import make_tastes

ENGINES = ("lucene", "exact", "faiss-flat")
ASKED: dict[str, dict[str, object]] = {
    "as it was calibrated": {},
    "exact": {"exact": True},
    "tagged": {"exact": True, "tags": ["even"]},
    "some left out": {"exact": True, "exclude": ["t1-3", "t3-1"]},
}


def write(directory: Path) -> None:
    codes, metadata = make_tastes(each=12)
    names = list(codes.ids)
    histories = [[names[at], names[(7 * at + 3) % 72]] for at in range(0, 72, 5)]
    tags = [(name, "even" if at % 2 else "odd") for at, name in enumerate(names)]
    for engine in ENGINES:
        rules = ei.SegmentRules(least_items=6)
        ei.Index.build(
            codes, directory / engine, engine=engine, tags=tags, metadata=metadata, segments=rules, histories=histories,
            target_overlap=0.9,
        ).close()  # fmt: skip
        change(codes, directory / engine)
        with ei.Index.open(directory / engine) as index:
            expected = {
                "format": index.manifest.format,
                "histories": histories,
                "answers": {name: answers(index, histories, asked) for name, asked in ASKED.items()},
                "segments": [segment.name for segment in index.segments],
                "titles": [index.titles[row] for row in range(len(index))],
                "homepage": [row.items for row in index.homepage(histories[0], rows=3, k=4).rows],
            }
        (directory / f"{engine}.json").write_text(json.dumps(expected))


def change(codes: ei.ItemCodes, path: Path) -> None:
    """As an index of format 4 can be: items deleted, others new, a code and tags that are not what they were."""
    ei.delete(path, ["t0-5", "t2-7"])
    rows = codes.ids.rows(["t1-1", "t4-2"])
    new = ei.ItemCodes(ei.IdMap(["new", "t5-0"]), codes.weights[rows], {"space": codes.space})
    ei.upsert(path, new, tags=[("new", "even")], metadata={"item_id": ["new"], "title": ["A new one"]})
    ei.tag(path, add=[("t3-3", "both")], remove=[("t3-4", "even")])


def answers(index: ei.Index, histories: list[list[str]], asked: dict[str, object]) -> list[list[object]]:
    """Ids, scores and whether they are proven, per history."""
    found = index.search(histories, 10, **asked)  # type: ignore[arg-type]
    return [[ranking.items, ranking.scores.tolist(), ranking.proven] for ranking in found.rankings]


if __name__ == "__main__":
    write(Path(sys.argv[1]))
