"""Reading tables as people have them: which files, in which format, and what was found in them."""
