"""The OpenSearch engine: the same codes on a cluster that others keep running."""
