"""Blobs: downloads that resume and are verified, uploads in chunks that survive faults."""
