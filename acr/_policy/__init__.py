"""Policy: what a clean-up policy says, read from TOML. It knows rules and names, and nothing of a registry."""
