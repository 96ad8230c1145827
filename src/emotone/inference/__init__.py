"""Prediction of files, folders and streams, and the formats it is written in."""
