"""Names of exports. Nothing heavy is imported for them."""

from typing import Literal

ExportName = Literal["opensearch", "elasticsearch", "jsonl", "ciff"]
