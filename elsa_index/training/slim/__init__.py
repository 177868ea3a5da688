"""SLIM: codes over items, each the few items that predict it, by one small ridge regression per item."""
