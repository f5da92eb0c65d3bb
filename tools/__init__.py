"""Everything that touches MLflow or the data."""
