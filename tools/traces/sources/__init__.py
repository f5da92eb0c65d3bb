"""One file a backend that traces can be copied from."""
