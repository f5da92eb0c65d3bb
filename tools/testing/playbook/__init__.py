"""Known failure modes and strengths, each a typed plan in YAML."""
