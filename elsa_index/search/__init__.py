"""Asking an opened catalogue: recommendations, explanations, rows of a homepage, and what answers are worth."""
