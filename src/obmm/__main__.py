"""`python -m obmm`: the command line."""

from obmm.cli import main

main()
