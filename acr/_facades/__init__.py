"""Facades: what users call, once for sync and once for async code. They know the caller, not the protocol."""
