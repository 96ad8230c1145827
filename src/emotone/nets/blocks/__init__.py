"""Building blocks of networks, as ordinary torch modules; only architectures import them, inside `build`."""
