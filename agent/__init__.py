"""Who drives an analysis, and who thinks."""
