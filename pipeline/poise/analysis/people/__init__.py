"""Who is who: in one recording, and over all recordings of a candidate."""
