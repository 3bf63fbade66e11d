"""The entry point of `python -m nhwc`."""

import sys

from nhwc.cli import main

if __name__ == "__main__":
    sys.exit(main())
