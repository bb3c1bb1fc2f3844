"""Serving: from the bytes of a request to a logged answer, without any transport."""
