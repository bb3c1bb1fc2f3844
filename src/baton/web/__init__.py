"""The HTTP API for ownership: the same acts as the command line, for jobs and tools, behind bearer tokens."""
