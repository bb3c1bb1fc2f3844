"""Backends: one folder per port, in it one module per implementation. They know ports, never each other."""
