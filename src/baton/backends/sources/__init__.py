"""Backends of the data stage's `SourceReader` port."""
