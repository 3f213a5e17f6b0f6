"""From a pile of blood-cell images to a classifier that can be trusted."""

__version__ = "0.1.0"
