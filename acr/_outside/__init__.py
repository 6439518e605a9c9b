"""Outside: files on disk, layouts, docker's config, Entra. They implement the contracts of the core."""
