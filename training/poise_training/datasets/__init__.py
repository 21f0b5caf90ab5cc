"""Labelled faces: read as they are downloaded, brought under a scheme, split by person, aligned."""
