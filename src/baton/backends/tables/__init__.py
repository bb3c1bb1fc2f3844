"""Backends of the data stage's `Tables` port."""
