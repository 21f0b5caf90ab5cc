"""What makes frames: FFmpeg's software, or the decoding engines of GPUs, and who may use these."""
