"""Online stores: feature values by key, at request time."""
