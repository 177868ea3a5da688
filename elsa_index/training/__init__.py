"""From interactions to codes: configuration, pruning schedule, model, and the loop that joins them."""
