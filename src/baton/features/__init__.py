"""Features: views over sources, known-time joins, one definition for the training set and for serving.

A project's `features.py` imports `entity`, `latest`, `window` and `on_request` from here.
"""

from baton.features.view import entity, latest, on_request, window

__all__ = ["entity", "latest", "on_request", "window"]
