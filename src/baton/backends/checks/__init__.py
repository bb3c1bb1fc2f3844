"""Checks behind `team.ports.Checks`: a command of the team's own says whether a result is sound."""
