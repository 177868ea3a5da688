"""What every kind of answer is said to be worth."""

from dataclasses import replace

import numpy as np
import pytest

from elsa_index.catalogue.calibration import Calibration
from elsa_index.catalogue.manifest import CodesEntry, Manifest
from elsa_index.engines.contract import Answer, Capabilities
from elsa_index.search.guarantee import guarantee
from elsa_index.search.options import SearchOptions

EXACT = Capabilities(exact=True, cuts_queries=True, stores=("float16",), score_tolerance=0)
APPROXIMATE = replace(EXACT, exact=False, cuts_queries=False)
PROVEN = Answer(np.zeros(0, np.int64), np.zeros(0), proven=True, candidates=300)
UNPROVEN = replace(PROVEN, proven=False)
CALIBRATION = Calibration(query_terms=16, candidates=200, overlap=0.991, target=0.99, histories=50)


def manifest(engine="lucene", calibration=None):
    codes = CodesEntry(fingerprint="f", items=1234, dims=8, nnz=2, origin={})
    return Manifest(
        created_by="a test", engine=engine, parameters={}, codes=codes, store_loss={}, calibration=calibration, files={}
    )


@pytest.mark.parametrize(("answers", "able", "options", "calibration", "filtered", "said"), [
    ([], EXACT, {}, None, False, "no history had a known item"),
    ([PROVEN, PROVEN], EXACT, {}, None, False,
     "exact: the exhaustive top k of the lucene index's stored codes, 1,234 items"),
    ([PROVEN, PROVEN], EXACT, {}, CALIBRATION, True,
     "exact: the exhaustive top k of the lucene index's stored codes, 1,234 items"),
    ([PROVEN, UNPROVEN], EXACT, {}, CALIBRATION, False, f"calibrated: {CALIBRATION}"),
    ([UNPROVEN], EXACT, {}, CALIBRATION, True, f"calibrated: {CALIBRATION}, without a filter"),
    ([PROVEN, UNPROVEN, UNPROVEN, UNPROVEN], EXACT, {"query_terms": 4}, CALIBRATION, False,
     "not proven: terms and candidates as given; 25% of the answers happen to be proven"),
    ([UNPROVEN], EXACT, {"candidates": 4}, None, False,
     "not proven: terms and candidates as given; 0% of the answers happen to be proven"),
    ([UNPROVEN], EXACT, {"diversity": 1.0, "exact": True}, None, False,
     "not proven: too many items would have to be compared; 0% of the answers happen to be proven"),
    ([UNPROVEN], APPROXIMATE, {}, None, False,
     "approximate: the engine lucene promises nothing; compare it with faiss-flat on the same codes"),
    ([UNPROVEN], EXACT, {"rank": "first-stage"}, CALIBRATION, False,
     "first stage: the cluster's ranking by upper bound, which promises nothing"),
    ([UNPROVEN, replace(UNPROVEN, candidates=1500)], EXACT, {"rank": "server"}, None, False,
     "server: signed scores to nine bits, among the best 1,500 of each shard by upper bound"),
    ([replace(PROVEN, cut=True), PROVEN], EXACT, {}, None, False,
     "exact: the exhaustive top k of the lucene index's stored codes, 1,234 items; 1 of 2 queries were cut to the "
     "terms that fit a request, finished from the stored codes"),
    ([replace(UNPROVEN, cut=True)], EXACT, {"rank": "server"}, None, False,
     "server: signed scores to nine bits, among the best 300 of each shard by upper bound; 1 of 1 queries were cut to "
     "the terms that fit a request, the other terms added by rescoring"),
])  # fmt: skip
def test_what_answers_are_worth(answers, able, options, calibration, filtered, said):
    found = guarantee(answers, manifest("lucene", calibration), able, SearchOptions(**options), filtered=filtered)
    assert found == said
