"""SegmentRules: how segments are made."""

from pydantic import Field

from ..choices import Choices


class SegmentRules(Choices):
    """How segments are made; chosen by measurement on the demo's films and their genres.

    Attributes:
        least_count: Interactions of an item that may begin a segment: codes of rarer ones are mostly chance, and join
            others.
        alike: Average cosine of mean codes above which dominant dimensions are one segment.
        alike_in_terms: Cosine of distinctive terms above which two segments are one, where items have metadata.
        alike_and_named: Cosine of mean codes that this takes, too.
        near: Cosine to a segment's mean code from which an item without a segment joins it.
        least_items: Of a segment; smaller ones are dropped, and their items join others.
        nonzeros: Of a segment's vector.
        resolution: Of communities, for codes over items: the higher the smaller they are.
        nonzeros_of_items: Of a segment's vector, for codes over items.
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
