"""The census: every trace counted, and the facts that are issues at once."""
