"""Packages that adapters are for, which need not be installed where the other tests run."""

import os

import pytest

REQUIRE = "ELSA_INDEX_TESTS_REQUIRE_ADAPTERS"
"""Where this variable is set, a package that is not there fails its tests, instead of skipping them."""


def required(package: str) -> None:
    if not os.environ.get(REQUIRE):
        pytest.importorskip(package, reason=f"{package} is not installed")


def taste_log(pandas):
    """60 users of four tastes over 40 items, as a table: whoever has some of a taste's ten items has others of it."""
    import numpy as np

    rng = np.random.default_rng(7)
    items = [(user, item) for user in range(60) for item in rng.choice(10, 7, replace=False)]
    pairs = [(f"u{user}", 100 + 10 * (user % 4) + item) for user, item in items]
    return pandas.DataFrame(pairs, columns=["user_id", "item_id"])
