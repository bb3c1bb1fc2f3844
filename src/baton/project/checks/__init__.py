"""Checks of a definition, by theme. Each yields the mistakes it finds and raises nothing; `consistency` calls them all."""
