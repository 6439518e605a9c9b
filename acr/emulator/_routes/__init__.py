"""Routes: ACR's and OCI's HTTP APIs, and the storage that downloads are redirected to."""
