"""Training: what is varied, who teaches, the loop, and the artefact that comes of it."""
