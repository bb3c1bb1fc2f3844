"""What a project declares, and how it is read."""
