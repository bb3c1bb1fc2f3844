"""Evaluation: what a model is worth, whether a challenger may take over, and the card that says so."""
