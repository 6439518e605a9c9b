"""`python -m acr`: the command line `acr`."""

import sys

from acr.cli import main

if __name__ == "__main__":
    sys.exit(main())
