"""Network architectures, building blocks, and layer tables."""
