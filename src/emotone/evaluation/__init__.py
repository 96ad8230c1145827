"""System x protocol -> predictions table -> scores."""
