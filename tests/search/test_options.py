"""What a search, a homepage and a build may be asked for; and that names, defaults and limits stand once."""

import inspect
from dataclasses import MISSING, fields

import polars as pl
import pytest
from elsa_index_cli.filter_options import FilterOptions
from elsa_index_cli.homepage import homepage as homepage_command
from elsa_index_cli.search import search as search_command

import elsa_index as ei
from elsa_index.catalogue.build_options import BuildOptions
from elsa_index.catalogue.filters import Filters
from elsa_index.search.homepage_options import HomepageOptions
from elsa_index.search.options import SearchOptions
from elsa_index.server import request_models

from ..support.catalogues import make_codes


@pytest.fixture(scope="module")
def indexes(tmp_path_factory):
    """One index for each thing that an engine may be unable to do."""
    directory = tmp_path_factory.mktemp("options")
    engines = ("lucene", "exact", "faiss-hnsw")
    opened = {name: ei.Index.build(make_codes(60), directory / name, engine=name, segments=None) for name in engines}
    yield opened
    for index in opened.values():
        index.close()


@pytest.mark.parametrize(("engine", "options", "message"), [
    ("exact", {"k": 0}, "k must be at least 1, got 0"),
    ("lucene", {"query_terms": 0}, "query_terms must be at least 1, got 0"),
    ("lucene", {"candidates": -1}, "candidates must be at least 1, got -1"),
    ("exact", {"threads": 0}, "threads must be from 1 to 512, got 0"),
    ("faiss-hnsw", {"effort": 0}, "effort must be at least 1, got 0"),
    ("faiss-hnsw", {"exact": True}, "The engine faiss-hnsw is approximate and cannot prove an answer"),
    ("exact", {"query_terms": 8}, "query_terms and candidates are for lucene and opensearch; this index is exact"),
    ("exact", {"candidates": 8}, "query_terms and candidates are for lucene and opensearch; this index is exact"),
    ("lucene", {"exact": True, "query_terms": 8}, "exact chooses terms and candidates itself"),
    ("lucene", {"effort": 64}, "effort is for faiss-hnsw and faiss-ivfpq; this index is lucene"),
    ("lucene", {"many_terms": "cut"}, "many_terms is for the engine opensearch; this index is lucene"),
    ("lucene", {"many_terms": "some"}, "many_terms must be refuse or cut, got 'some'"),
    ("lucene", {"rank": "server"}, "rank is for the engine opensearch; got 'server' for an index that is lucene"),
    ("exact", {"fallback": "random"}, "fallback must be none or popular, got 'random'"),
    ("exact", {"tags": "new"}, "tags is a sequence of names, not one text; got 'new'"),
    ("exact", {"exclude": "item20"}, "exclude is a sequence of names, not one text; got 'item20'"),
    ("exact", {"offset": -1}, "offset must be at least 0, got -1"),
    ("exact", {"diversity": 2}, "diversity must be from 0 to 1, got 2"),
    ("exact", {"diversity_by": "codes"}, "and diversity is 0: set both"),
    ("exact", {"k": None}, "k must be a number, got None"),
    ("exact", {"keep_seen": "no"}, "keep_seen must be True or False, got 'no'"),
    ("exact", {"ranges": [("price", 1, 2)]}, "ranges are pairs of ends by name"),
    ("exact", {"only": 12}, "only is a sequence of names, got 12"),
    ("exact", {"only": pl.DataFrame({"item_id": ["item20"]})}, "only is a sequence of names, got a DataFrame"),
    ("exact", {"exclude": b"item20"}, "exclude is a sequence of names, not one text"),
    ("exact", {"seen": ["item20"]}, "What was seen for history 0 is a sequence of names, not one text; got 'item20'"),
    ("exact", {"diversity": 0.5, "diversity_by": "genre"}, "diversity_by must be segments or codes, got 'genre'"),
    ("exact", {"boosts": "tag:new=2"}, "boosts are a list"),
    ("exact", {"boosts": ["new=2"]}, r"A boost is such as tag:new=1\.5, .*; got 'new=2'"),
    ("exact", {"boosts": ["tag:new=much"]}, "A boost is such as"),
    ("exact", {"boosts": ["tag:new=0"]}, "must be by a number from 1e-06 to 1e.06, got 0.0"),
    ("exact", {"boosts": ["age:released=1d"]}, "The index has no numbers 'released' to boost by; it has none"),
    ("exact", {"seen": []}, "There must be seen items for each of 1 histories, got 0"),
    ("exact", {"tags": ["new"]}, "the index has no tags; build it with some"),
    ("exact", {"weights": []}, "There must be weights for each of 1 histories, got 0"),
])  # fmt: skip
def test_what_a_search_cannot_be(indexes, engine, options, message):
    with pytest.raises(ei.UsageError, match=message):
        indexes[engine].search([["item20"]], **options)


def test_popular_items_need_counts(tmp_path):
    codes = make_codes(20)
    bare = ei.ItemCodes(codes.ids, codes.weights)
    with (
        ei.Index.build(bare, tmp_path / "i", engine="exact") as index,
        pytest.raises(ei.UsageError, match="fallback popular needs item counts"),
    ):
        index.search([["item11"]], fallback="popular")


def defaults(function) -> dict[str, object]:
    return {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}


def test_python_and_the_command_line_have_the_names_and_defaults_of_the_options():
    for options, method in (
        (SearchOptions, ei.Index.search),
        (HomepageOptions, ei.Index.homepage),
        (BuildOptions, ei.Index.build),
        (Filters, ei.Index.search),
        (Filters, ei.Index.homepage),
    ):
        given, shared = defaults(method), defaults_of(options)
        assert {name: given[name] for name in shared} == shared
    for options, command in ((SearchOptions, search_command), (HomepageOptions, homepage_command)):
        typed = defaults(command)
        assert {field.name for field in fields(FilterOptions)} <= set(typed)
        for name, default in defaults_of(options).items():
            if name != "boosts":  # repeated options stand for these
                assert typed[name] == default


def defaults_of(options: type) -> dict[str, object]:
    """What is not there without a factory, and what the filters are made of."""
    own = [field for field in fields(options) if field.name != "filters" and field.default is not MISSING]
    return {field.name: field.default for field in own}


@pytest.mark.parametrize(("model", "options"), [
    (request_models.RecommendRequest, SearchOptions), (request_models.HomepageRequest, HomepageOptions),
])  # fmt: skip
def test_http_has_the_defaults_and_the_lower_limits_of_the_options(model, options):
    schema = model.model_json_schema()["properties"]
    shared = defaults_of(options) | defaults_of(Filters)
    for name in set(schema) & set(shared):
        default = shared[name]
        assert schema[name]["default"] == (list(default) if isinstance(default, tuple) else default)
        if name in options.LIMITS:
            allowed = schema[name] if "minimum" in schema[name] else schema[name]["anyOf"][0]
            assert allowed["minimum"] == options.LIMITS[name].least
    if options is HomepageOptions:
        assert set(schema) - {"history", "half_life", "seen_after", "metadata", "ranges"} == set(shared)
