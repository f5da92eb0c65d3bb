"""Traces: read and linked one at a time, or copied whole into a snapshot."""
