"""`make chaos`: all scenarios, a table of what was done and checked, one summary line, exit 1 on any violation."""

import sys

from local.chaos.command import main

if __name__ == "__main__":
    sys.exit(main())
