"""Incidents: from a signal to an owner, a cause, what mended it, and a proposal that must earn its way."""
