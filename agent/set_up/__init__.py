"""Set-up as a conversation: which MLflow, how to authenticate, which experiment; kept in an env file (workflow 1.1, 1.2)."""
