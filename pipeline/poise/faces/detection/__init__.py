"""Finding faces: MTCNN's cascade, and boxes carried from frame to frame."""
