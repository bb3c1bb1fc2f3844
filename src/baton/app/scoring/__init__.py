"""Batch scoring: read rows, score them chunk by chunk, check the scores, publish and deliver them."""
