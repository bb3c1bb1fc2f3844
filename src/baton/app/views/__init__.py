"""Read models: what the edges show, out of the ledger, for now or for an earlier instant."""
