"""What answers are worth, in one line."""

from ..catalogue.manifest import Manifest
from ..engines.contract import Answer, Capabilities
from .options import SearchOptions


def guarantee(
    answers: list[Answer], manifest: Manifest, able: Capabilities, options: SearchOptions, *, filtered: bool
) -> str:
    """Exact, calibrated to a measured overlap, or nothing; and how many queries were cut to what a cluster takes.

    filtered: tags or exclusions restrict the answers.
    """
    if not answers:
        return "no history had a known item"
    worth = _worth(answers, manifest, able, options, filtered=filtered)
    shortened = sum(answer.cut for answer in answers)
    if not shortened:
        return worth
    how = "finished from the stored codes" if options.rank == "client" else "the other terms added by rescoring"
    return f"{worth}; {shortened:,} of {len(answers):,} queries were cut to the terms that fit a request, {how}"


def _worth(
    answers: list[Answer], manifest: Manifest, able: Capabilities, options: SearchOptions, *, filtered: bool
) -> str:
    engine = manifest.engine
    if options.rank == "first-stage":
        return "first stage: the cluster's ranking by upper bound, which promises nothing"
    if options.rank == "server":
        window = max(answer.candidates for answer in answers)
        return f"server: signed scores to nine bits, among the best {window:,} of each shard by upper bound"
    if all(answer.proven for answer in answers):
        kept = "stored codes" if able.keeps_codes else "impacts"
        how = ", each scored" if engine != "exact" and all(answer.exhaustive for answer in answers) else ""
        return f"exact: the exhaustive top k of the {engine} index's {kept}, {manifest.codes.items:,} items{how}"
    if manifest.calibration is not None and not options.cuts:
        return f"calibrated: {manifest.calibration}{', without a filter' if filtered else ''}{_age(manifest)}"
    if able.exact:
        share = sum(answer.proven for answer in answers) / len(answers)
        why = "terms and candidates as given" if options.cuts else "too many items would have to be compared"
        return f"not proven: {why}; {share:.0%} of the answers happen to be proven"
    return f"approximate: the engine {engine} promises nothing; compare it with faiss-flat on the same codes"


_OLD = 0.1
"""Where so many of the items changed, what was measured before is told to be old."""


def _age(manifest: Manifest) -> str:
    share = manifest.changed / manifest.codes.items
    return f"; since then {share:.0%} of the items changed: tune it again" if share > _OLD else ""
