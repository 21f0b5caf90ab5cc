"""The pages: what stands on them, in which language, on screen and on paper."""
