"""Timelines as people see them: drawn, as the data of an interactive chart, and as captions."""
