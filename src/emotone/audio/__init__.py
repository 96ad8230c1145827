"""Sound as it comes: any file, streamed; resampled; where there is speech in it."""
