"""Scoring images with a registered model."""
