"""Stored results: their files, where they lie, and what is kept beside them."""
