"""Core: the protocol, written once as coroutines over two small contracts, `runtime` and `storage`. It does no I/O."""
