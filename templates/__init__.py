"""Templates and style sheet of the reports, installed as `poise.templates`."""
