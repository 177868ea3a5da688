"""Changing an index: items that come, go, and get other codes, tags and texts. Each change is one commit."""
