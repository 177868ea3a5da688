"""Markdown: tables, and cells that several tables have."""


def table_of(heads: list[str], rows: list[list[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def spread(middle: float, low: float, high: float, form: str) -> str:
    """A median with the smallest and the largest. form: of numbers, as `format` takes it."""
    return f"{middle:{form}} ({low:{form}} – {high:{form}})"


def ranged(value: dict[str, float], digits: int = 1) -> str:
    """The same of a round: p50, low and high."""
    return spread(value["p50"], value["low"], value["high"], f".{digits}f")
