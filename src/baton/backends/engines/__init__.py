"""Backends that run computations over rows: contracts and read-only SQL."""
