"""Baton: the whole life of a machine-learning model, every phase owned and every decision on the record."""

__version__ = "0.1.0"
