"""Outside: files on disk, docker's config, Entra. The core reaches them through its ports."""
