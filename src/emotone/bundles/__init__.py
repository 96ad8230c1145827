"""A bundle is a model on disk: front end, network, labels and calibration."""
