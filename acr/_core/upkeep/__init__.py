"""Upkeep: what is in a registry, and whether it is whole."""
