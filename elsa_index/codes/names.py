"""Names of choices about codes. Nothing heavy is imported for them."""

from typing import Literal

RowsAre = Literal["targets", "history"]
