"""Segments: discovering and naming them, and what an index keeps of them."""
