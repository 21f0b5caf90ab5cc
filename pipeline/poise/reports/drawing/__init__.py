"""Timelines as people see them: drawn, and as the data of an interactive chart."""
