"""Credentials: the file that holds them, passwords, and identity providers."""
