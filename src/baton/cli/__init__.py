"""The command line: one file per stage; every command loads what it needs when it runs."""
