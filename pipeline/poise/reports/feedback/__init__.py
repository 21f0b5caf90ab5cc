"""Feedback: from figures to a few plain observations and things to try, by rules."""
