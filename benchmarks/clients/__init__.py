"""Clients at work: each measurement is a process of its own, `python -m benchmarks.clients.NAME VERB ...`."""
