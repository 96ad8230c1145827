"""Front ends and functionals, one file each: frozen settings and a computation in NumPy; and the feature store."""
