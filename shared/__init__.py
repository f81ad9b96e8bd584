"""What every trigger shares; knows nothing of triggers, of Azure Functions or of the local stand-ins."""

import os

# numpy's linear algebra, which nothing here needs, starts a thread for each core when it is loaded, and these spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
