"""Team: people, roles, the RACI matrix, and hand-offs that somebody must accept."""
