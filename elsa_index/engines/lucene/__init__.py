"""Impact postings in Lucene, in this process."""
