"""Audio input: recordings of any format, streamed; resampling; speech activity."""
