"""One file a step of the analysis."""
