"""Listed: what ACR knows of repositories, tags and manifests, page by page; and what refers to a manifest."""
