"""Talk: a request reaches the registry with the right token, and comes back as an answer or an error."""
