"""An inventory of a registry, and what can be computed from it. Nothing here does I/O."""
