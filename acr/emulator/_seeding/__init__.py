"""Seeding: what an empty registry begins with, so that there is something to list, pull and delete."""
