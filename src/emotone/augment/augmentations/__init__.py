"""One file per augmentation."""
