"""MLflow: runs, registered models, promotion."""
