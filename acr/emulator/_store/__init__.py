"""Store: what the registry keeps: repositories, tags, manifests, blobs, uploads."""
