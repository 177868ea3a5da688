"""What comes from outside: logs, splits, histories, metadata, tags."""
