"""Published tables as code, with their numbers as data: each can be made again on the corpora at hand."""
