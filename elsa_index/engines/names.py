"""Names that users choose by: engines, precisions, who ranks. Nothing heavy is imported for them."""

from typing import Literal

EngineName = Literal["lucene", "exact", "faiss-flat", "faiss-sq8", "faiss-hnsw", "faiss-ivfpq", "seismic", "opensearch"]
StoreName = Literal["int8", "float16", "float32", "none"]
"""How the codes are kept; none: only the impacts in the postings are."""
RankName = Literal["client", "server", "first-stage"]
"""Who ranks, for engines on a cluster."""
ManyTerms = Literal["refuse", "cut"]
"""What becomes of a query with more terms than a cluster takes."""
