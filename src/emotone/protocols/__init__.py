"""Who is trained on and who is tested: folds, and a report of what they share."""
