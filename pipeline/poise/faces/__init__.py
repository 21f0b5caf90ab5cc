"""Faces: found, followed, aligned, judged for quality, and whose they are."""
