"""The analysis of one recording, from its frames to a `RecordingAnalysis`."""
