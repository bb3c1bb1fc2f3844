"""The console: pages for people behind sessions, and the same acts as an API for jobs and tools behind bearer tokens."""
