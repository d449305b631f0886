"""`python -m labtools`."""

from labtools.cli import main

main()
