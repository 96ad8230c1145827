"""A system is a front end, a net, labels and calibration as one object; a bundle is a system on disk."""
