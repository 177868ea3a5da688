"""Dense vectors of the codes in FAISS: exhaustive (Flat, SQ8), by a graph (HNSW), by clusters (IVF-PQ)."""
