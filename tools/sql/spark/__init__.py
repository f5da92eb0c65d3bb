"""Spark Connect as an engine: what differs from DuckDB is put right here, and Spark is imported by `engine.py` alone."""
