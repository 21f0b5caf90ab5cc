"""Networks on a GPU: one process holds them, and computes what all workers ask."""
