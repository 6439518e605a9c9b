"""Cleanup: what a policy takes from a registry, and what it leaves. All of it is computed from an inventory."""
