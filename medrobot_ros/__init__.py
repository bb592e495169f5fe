"""A robot cell controller for autonomous medical imaging."""

__version__ = "0.1.0"
