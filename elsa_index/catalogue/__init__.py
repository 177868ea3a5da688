"""An index directory: what it holds, how it is built, checked and calibrated."""
