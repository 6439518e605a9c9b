"""Values: the vocabulary of the package. Frozen, free of I/O, built on the standard library and attrs."""
