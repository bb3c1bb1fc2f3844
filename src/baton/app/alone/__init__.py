"""Hand-offs alone: over anybody's pipeline, in a folder with a `team.yaml` and no other room in use."""
