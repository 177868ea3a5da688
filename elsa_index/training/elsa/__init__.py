"""Compressed ELSA, and ELSA: codes in latent dimensions."""
