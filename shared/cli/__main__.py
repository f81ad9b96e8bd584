"""`python -m shared.cli`."""

import sys

from shared.cli.program import main

sys.exit(main())
