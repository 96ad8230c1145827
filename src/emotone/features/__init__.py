"""Front ends, one file each: a frozen spec and a computation in NumPy; and the store that keeps what was computed."""
