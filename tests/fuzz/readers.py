"""What is fuzzed: everything that reads what somebody else may have written."""

import gzip
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_array, save_npz

import elsa_index as ei
from elsa_index.data.tags import read_tags

from ..support.catalogues import make_codes, make_tastes
from ..support.damage import reseal, use

CORPUS = Path(__file__).parent / "corpus"
"""Inputs that were faults once, by reader."""


@dataclass(frozen=True)
class Reader:
    """read: reads a file, or a directory of which one file was changed. seeds: good contents, by the file's name.
    directory: where the file lies, None for a file of its own. Its checksums are made anew, so that what comes after
    them is reached."""

    read: Callable[[Path], object]
    seeds: dict[str, list[bytes]]
    directory: Path | None = None

    def place(self, name: str, content: bytes, folder: Path) -> Path:
        """What is to be read, with this content of the file `name`."""
        if self.directory is None:
            (folder / name).write_bytes(content)
            return folder / name
        shutil.rmtree(folder / "d", ignore_errors=True)
        shutil.copytree(self.directory, folder / "d")
        (folder / "d" / name).write_bytes(content)
        reseal(folder / "d", name)
        return folder / "d"


LOG = "user_id,item_id,value,time\n" + "".join(f"u{n % 7},i{n % 11},{n % 5},{n}\n" for n in range(60))
ODD_LOG = 'user_id,item_id,value,time\n"a ""b""",é,1,2020-01-01T00:00:00\n\n🎬,"x\ny",2.5,2021-05-05\n'

RECOGNISED = [
    b'{"user_id":"u1","item_id":"a"}\n{"user_id":2,"item_id":null,"n":[1]}\n',
    b'[{"user_id":"u1","item_id":"a"},{"user_id":"u2","item_id":1.5e3}]',
    b"user_id:token\titem_id:token\trating:float\nu1\ta\t5\nu1\tb\t3\n",
    b"1 10 11\n2 10\n3\n",
    b"10:\n1,3,2005-09-06\n2,5,2005-05-13\n11:\n1,4,2005-10-19\n",
    b'user_id;item_id;title\nu1;"a ""b""";x\nu1;12" single;\nu2;"two\nlines";y\n',
    b"user_id::item_id\nu1::a\nu1::b\n",
    "user_id\titem_id\nu1\t\u00e9\n".encode("utf-16"),
]
"""Logs that are recognised by content."""


def _bytes(write: Callable[[Any], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def _log(path: Path) -> None:
    ei.read_interactions(path, value_column="value", time_column="time")


def _body(path: Path) -> None:
    from fastapi.exceptions import HTTPException

    from elsa_index.server import change_models, request_models
    from elsa_index.server.bodies import check_extent, read_body

    content = path.read_bytes()
    for model in (*request_models.BODIES, *change_models.BODIES):
        try:
            check_extent(content)
            read_body(model, content)
        except HTTPException as error:
            if error.status_code >= 500 or len(str(error.detail)) > 1000:
                raise


def _files() -> dict[str, Reader]:
    frame = pl.read_csv(io.StringIO(LOG))
    matrix = csr_array(np.eye(6, 5, dtype=np.float32) + 0.5)
    logs = [LOG.encode(), ODD_LOG.encode(), LOG.replace("\n", "\r\n").encode("utf-8-sig")]
    archives = [_bytes(lambda file, form=form: save_npz(file, matrix.asformat(form))) for form in _FORMATS]
    parquets = [
        _bytes(lambda file, how=how: frame.write_parquet(file, compression=how))
        for how in ("zstd", "snappy", "uncompressed")
    ]
    bodies = [
        b'{"history": ["1", {"item_id": "2", "weight": 0.5}], "k": 5, "tags": ["a"], "exclude": ["3"], "exact": true}',
        b'{"histories": [{"history": ["1"]}, {"history": []}], "k": 3}',
        b'{"item_id": "1", "k": 10.0}',
        b'{"history": [], "rows": 3, "fewest": 2, "diversity": 0.5, "items": ["1"]}',
    ]
    return {
        "log-csv": Reader(_log, {"log.csv": logs}),
        "log-tsv": Reader(_log, {"log.tsv": [content.replace(b",", b"\t") for content in logs]}),
        "log-gzip": Reader(_log, {"log.csv.gz": [gzip.compress(content) for content in logs]}),
        "log-recognised": Reader(ei.read_interactions, {"log": RECOGNISED}),
        "log-parquet": Reader(_log, {"log.parquet": parquets}),
        "log-npz": Reader(ei.read_interactions, {"log.npz": archives}),
        "codes-npz": Reader(ei.load_codes, {"codes.npz": archives}),
        "histories": Reader(ei.read_histories, {"h.csv": [b"user_id,item_id,weight\nu,a,1\nu,b,2\nv,,\n"]}),
        "metadata": Reader(ei.read_metadata, {"m.csv": ['item_id,title,genres\na,Café,x|y\nb,"q""u",\n'.encode()]}),
        "tags": Reader(read_tags, {"t.csv": [b'item_id,tag\na,x\nb,y\nb,"x y"\n']}),
        "http-body": Reader(_body, {"body.json": bodies}),
    }


_FORMATS = ("csr", "csc", "coo", "bsr", "dia")
ENGINES = ("exact", "lucene", "faiss-flat", "faiss-sq8", "faiss-hnsw", "faiss-ivfpq")
NAMES = (*_files(), "model", "checkpoint", *(f"index-{engine}" for engine in ENGINES))


def reader(name: str, work: Path) -> Reader:
    """A reader by its name; `work` gets the good directory that is changed."""
    files = _files()
    if name in files:
        return files[name]
    directory = work / name
    kind = name.partition("-")[0]
    if kind == "index":
        tastes, metadata = make_tastes(each=12)
        tags = [(item, "even") for item in list(tastes.ids)[::2]]
        engine = name.removeprefix("index-")
        ei.Index.build(tastes, directory, engine=engine, tags=tags, metadata=metadata).close()
    elif kind == "model":
        make_codes(40, 16, 4).save(directory)
    else:
        frame = pl.read_csv(io.StringIO(LOG))
        log = ei.Interactions.from_pairs(frame["user_id"], frame["item_id"])
        config = ei.TrainingConfig(dims=8, nnz=2, epochs=1, batch_size=4)
        ei.train(log, config, checkpoint=directory, checkpoint_seconds=0)
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    seeds = {path.relative_to(directory).as_posix(): [path.read_bytes()] for path in paths}
    return Reader(lambda changed: use(kind, changed), seeds, directory)
