"""Two sets of traces side by side: analyses, windows, versions or models."""
