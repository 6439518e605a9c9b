"""Access: tokens, who may do what, and the two OAuth routes."""
