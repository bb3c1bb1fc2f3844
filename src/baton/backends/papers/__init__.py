"""Backends that set documents: data in, PDF or PNG out."""
