"""Data: sources become checked, versioned tables. Contracts judge rows, landings are exactly once, rejected rows are kept apart."""
