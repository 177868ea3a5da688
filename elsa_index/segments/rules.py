"""SegmentRules: how segments are made."""

from pydantic import Field

from ..choices import Choices


class SegmentRules(Choices):
    """How segments are made; chosen by measurement on the demo's films and their genres.

    least_count: interactions of an item that may begin a segment: codes of rarer ones are mostly chance, and join
    others. alike: average cosine of mean codes above which dominant dimensions are one segment. alike_in_terms,
    alike_and_named: cosines of distinctive terms, and of mean codes, above which two segments are one, where items
    have metadata. near: cosine to a segment's mean code from which an item without a segment joins it. least_items: of
    a segment; smaller ones are dropped, and their items join others. nonzeros: of a segment's vector. For codes over
    items, resolution: of communities, the higher the smaller they are; nonzeros_of_items: of a segment's vector.
    """

    least_count: int = Field(3, ge=0)
    alike: float = Field(0.1, ge=0, le=1)
    alike_in_terms: float = Field(0.4, ge=0, le=1)
    alike_and_named: float = Field(0.02, ge=0, le=1)
    near: float = Field(0.05, ge=-1, le=1)
    least_items: int = Field(8, ge=1)
    nonzeros: int = Field(64, ge=1)
    resolution: float = Field(4.0, gt=0)
    nonzeros_of_items: int = Field(256, ge=1)
