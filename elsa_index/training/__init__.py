"""Learning item codes from a log: configuration, and one folder per model."""
