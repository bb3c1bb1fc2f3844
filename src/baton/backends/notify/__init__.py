"""Channels to people: mail, signed webhooks, and through Apprise everything else."""
