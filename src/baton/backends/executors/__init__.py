"""Executors: where long jobs run, and how they survive a kill."""
