"""The verbs of `mlflow-insights` on the command line: options in, a table or JSON out."""
