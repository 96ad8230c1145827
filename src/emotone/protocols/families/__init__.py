"""One file per family of protocols."""
