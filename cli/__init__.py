"""The command line, one thin module a command over the public API of elsa_index. Nothing imports it."""
