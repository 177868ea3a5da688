"""Export: an index's codes as files that other engines load."""

from .export import EXPORTS, export

__all__ = ["EXPORTS", "export"]
