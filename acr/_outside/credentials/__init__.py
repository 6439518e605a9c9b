"""Credentials that come from elsewhere: docker's config.json, azure-identity."""
