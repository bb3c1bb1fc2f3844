"""The one record of what happened: append-only facts, the state they speak of, and proofs over both."""
