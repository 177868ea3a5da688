"""Recommendations for files of histories."""
