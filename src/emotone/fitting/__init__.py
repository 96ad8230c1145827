"""From a recipe and data to a trained network, and from a trained network to a bundle."""
