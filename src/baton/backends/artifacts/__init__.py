"""Artifact stores: bytes named by their SHA-256."""
