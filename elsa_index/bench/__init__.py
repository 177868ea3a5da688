"""Measuring indexes side by side: each in a process of its own, asked in turns."""
