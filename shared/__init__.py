"""What every trigger shares; knows nothing of triggers, of Azure Functions or of the local stand-ins."""

import logging
import os

# numpy's linear algebra, which nothing here needs, starts a thread for each core when it is loaded, and these spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Below all calls to Brevo and storage. Its lines quote the address of a request, which may hold a person's or a link.
logging.getLogger("urllib3").setLevel(logging.ERROR)
