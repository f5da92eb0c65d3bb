"""Analyze Experiment: an autonomous analyst for the traces of LLM agents kept in MLflow."""
