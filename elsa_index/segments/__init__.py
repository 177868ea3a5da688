"""Segments: discovering, naming and ranking them, and the rows of a homepage."""
