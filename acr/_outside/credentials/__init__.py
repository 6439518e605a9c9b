"""Credentials from other places: docker's config.json and azure-identity."""
