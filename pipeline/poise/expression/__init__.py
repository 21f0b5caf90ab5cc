"""The expression model: architectures, the shipped artefact, classification, heat maps."""
