"""The output: what goes to which stream, and how listings, progress and summaries look."""
