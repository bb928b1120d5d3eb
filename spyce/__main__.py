"""`python -m spyce` is the command `spyce`."""
from spyce.cli import main

main()
