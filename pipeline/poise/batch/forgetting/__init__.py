"""Forgetting people: what is asked for, what consent and age ask for, and the proof."""
