"""A whole run: what lies there, who works on what, what became of it, and how it is forgotten."""
