"""Plans, statistics and verdicts."""
