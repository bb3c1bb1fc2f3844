"""Ground floor: clock, ids, digests, errors and suggestions. Standard library only; imports nothing of Baton."""
