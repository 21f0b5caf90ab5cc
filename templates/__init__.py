"""Templates and style sheet of the reports, installed as `pipeline.templates`."""
