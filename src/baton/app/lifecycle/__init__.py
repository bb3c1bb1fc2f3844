"""The loop: one tick, and the two ways to drive it."""
