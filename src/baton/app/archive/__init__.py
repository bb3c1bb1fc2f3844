"""The archive: a process beside the console that answers questions about tables, so that the console holds no table library.

`archive.py` is the console's side, `__main__.py` the other; each module of questions has a table of them.
"""
