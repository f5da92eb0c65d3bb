"""Invented agents whose faults are known exactly."""
