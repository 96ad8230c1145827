"""Networks to transfer from, one file each: where they are published, under which licence, and how they are read."""
