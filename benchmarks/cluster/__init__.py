"""A real cluster on this machine: nodes of OpenSearch or Elasticsearch, each a process of its own, on loopback."""

from .cluster import Cluster, ClusterUnavailable, Kind

__all__ = ["Cluster", "ClusterUnavailable", "Kind"]
