"""Load on a server: requests over many connections from one process, and what came back when. Used by `baton loadtest`."""
