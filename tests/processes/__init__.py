"""Indexes in processes and threads that others start and end."""
