"""`python -m baton.cli`: the command line without its script."""

from baton.cli.main import main

if __name__ == "__main__":
    main()
