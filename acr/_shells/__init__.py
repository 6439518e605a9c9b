"""Shells: the two runtimes of the core, and the only importers of httpcore and httpx."""
