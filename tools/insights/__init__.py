"""The memory: analyses, hypotheses, evidence and issues, kept in MLflow."""
