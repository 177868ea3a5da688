"""Every engine as a parameter of tests."""

from dataclasses import replace
from importlib.util import find_spec

import pytest

import elsa_index as ei
from elsa_index.engines import ENGINES
from elsa_index.engines.lucene.engine import LuceneEngine
from elsa_index.engines.opensearch.engine import OpenSearchEngine

_MISSING = "Seismic is not installed: pyseismic-lsr has no wheel for this Python"
INSTALLED_ENGINES = [name for name in ENGINES if name != "seismic" or find_spec("seismic")]
"""Those whose class can be asked for."""
EVERY_ENGINE = [
    pytest.param(name, marks=pytest.mark.skipif(name not in INSTALLED_ENGINES, reason=_MISSING)) for name in ENGINES
]
"""One per engine; skipped, with the reason, where its library cannot be had."""
EVERY_ENGINE_HERE = [engine for engine in EVERY_ENGINE if engine.values != ("opensearch",)]
"""Those that need no cluster."""


def growing_from(index: ei.Index, **beginning: int) -> ei.Index:
    """The index, whose searches begin otherwise: see `Growth`. With few=0 filters are left to the engine, however few
    items they leave, as those of large catalogues are."""
    engine = index.catalogue.engine
    if isinstance(engine, LuceneEngine | OpenSearchEngine):
        engine.two_stage = replace(engine.two_stage, growth=replace(engine.two_stage.growth, **beginning))
    return index
