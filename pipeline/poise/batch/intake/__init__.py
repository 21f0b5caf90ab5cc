"""What lies among the recordings: found, dated, and matched with what the centre says of it."""
