"""The command line, one thin module per command over the public API of elsa_index. Nothing imports it."""
