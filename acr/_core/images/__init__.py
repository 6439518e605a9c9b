"""Images: graphs of manifests and blobs, copied between registries and layouts; artifacts made of files."""
