"""Core: the protocol, written once as coroutines over the small interface of `ports`. It does no I/O of its own."""
