"""Readers, given what nobody wrote: `make fuzz MINUTES=60`, or `python -m tests.fuzz READER --minutes 10`."""
