"""What a model is worth: measures, calibration, figures, and two models on the same faces."""
