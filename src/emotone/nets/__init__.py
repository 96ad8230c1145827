"""Network architectures, one file each; building blocks; layer tables."""
