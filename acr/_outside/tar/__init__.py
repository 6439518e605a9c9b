"""Tar: archives read and written, folders packed as layers and unpacked safely."""
