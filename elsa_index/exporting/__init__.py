"""Export: an index's codes as files that other engines load."""
