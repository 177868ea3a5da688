"""Item codes, learned here or elsewhere, and the terms and impacts that they become."""
