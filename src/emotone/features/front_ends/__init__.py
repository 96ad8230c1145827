"""One file per front end."""
