"""The paper's data: where it is, checked by checksum, read as interactions (ratings of at least 4, users with five).

Licences are the publishers': MovieLens (GroupLens) and Netflix for research only, Goodbooks-10k CC BY-SA 4.0.
"""

import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

import elsa_index as ei

MIN_RATING, MIN_ITEMS = 4, 5


def read_goodbooks(archive: Path) -> pl.DataFrame:
    """goodbooks-10k.zip: ratings.csv with user_id, book_id, rating."""
    return _from_zip(archive, "ratings.csv", "user_id", "book_id")


def read_movielens(archive: Path) -> pl.DataFrame:
    """ml-20m.zip: ml-20m/ratings.csv with userId, movieId, rating, timestamp."""
    return _from_zip(archive, "ratings.csv", "userId", "movieId")


def read_netflix(archive: Path) -> pl.DataFrame:
    """nf_prize_dataset.tar.gz: training_set.tar within it, a file per film: `film:`, then lines user,rating,date."""
    users, items = [], []
    with tarfile.open(archive) as outer:
        inner = next((member for member in outer if Path(member.name).name == "training_set.tar"), None)
        if inner is None:
            raise ei.DataError(f"{archive} holds no training_set.tar; it is not the archive of the Netflix Prize.")
        with tarfile.open(fileobj=outer.extractfile(inner)) as films:
            for film in films:
                if not film.isfile():
                    continue
                text = films.extractfile(film).read()
                head, _, lines = text.partition(b"\n")
                found = pl.read_csv(io.BytesIO(lines), has_header=False, new_columns=["user", "rating", "date"])
                liked = found.filter(pl.col("rating") >= MIN_RATING)["user"].to_numpy().astype(np.int32)
                users.append(liked)
                items.append(np.full(len(liked), int(head.rstrip(b":\r")), dtype=np.int32))
    return pl.DataFrame({"user": np.concatenate(users), "item": np.concatenate(items)})


def _from_zip(archive: Path, name: str, user: str, item: str) -> pl.DataFrame:
    with zipfile.ZipFile(archive) as opened:
        member = next((found for found in opened.namelist() if Path(found).name == name), None)
        if member is None:
            raise ei.DataError(f"{archive} holds no {name}.")
        frame = pl.read_csv(opened.read(member), columns=[user, item, "rating"])
    return frame.filter(pl.col("rating") >= MIN_RATING).select(pl.col(user).alias("user"), pl.col(item).alias("item"))


@dataclass(frozen=True)
class Data:
    """url, checksum: as pooch writes them (`sha256:…`, `md5:…`). test_users: how many the paper holds out."""

    url: str
    checksum: str
    read: Callable[[Path], pl.DataFrame]
    test_users: int

    @property
    def file(self) -> str:
        return self.url.rsplit("/", 1)[1]

    def interactions(self, directory: Path) -> ei.Interactions:
        """From the archive in `directory`, which is downloaded where it is not there yet.

        Raises StorageError where it cannot be downloaded or its checksum is another.
        """
        return cleaned(self.read(self.fetch(directory)))

    def fetch(self, directory: Path) -> Path:
        import pooch
        import requests

        try:
            return Path(pooch.retrieve(self.url, self.checksum, fname=self.file, path=directory, progressbar=False))
        except (requests.RequestException, OSError) as error:
            raise ei.StorageError(
                f"{self.url} could not be downloaded ({type(error).__name__}); without a network, put {self.file} into "
                f"{directory} by hand ({self.checksum})."
            ) from None
        except ValueError as error:
            raise ei.StorageError(f"{self.file} is not the file the paper used, or is damaged: {error}") from None


def cleaned(liked: pl.DataFrame) -> ei.Interactions:
    """Users with enough liked items; ids as text."""
    distinct = liked.unique()
    frame = distinct.filter(pl.len().over("user") >= MIN_ITEMS)
    if not frame.height:
        raise ei.DataError(f"No user has {MIN_ITEMS} ratings of at least {MIN_RATING}.")
    return ei.Interactions.from_pairs(frame["user"].cast(pl.String), frame["item"].cast(pl.String))


DATA = {
    "goodbooks": Data(
        "https://github.com/zygmuntz/goodbooks-10k/releases/download/v1.0/goodbooks-10k.zip",
        "sha256:261b97b56db61f3fb2ce5aadbb13704d30179fcc986c17ace665a0af9ed00731",
        read_goodbooks,
        2_500,
    ),
    "movielens-20m": Data(
        "https://files.grouplens.org/datasets/movielens/ml-20m.zip",
        "md5:cd245b17a1ae2cc31bb14903e1204af3",
        read_movielens,
        10_000,
    ),
    "netflix": Data(
        "https://archive.org/download/nf_prize_dataset.tar/nf_prize_dataset.tar.gz",
        "md5:a8f23d2d76461211c6b4c0ca6df2547d",
        read_netflix,
        40_000,
    ),
}
