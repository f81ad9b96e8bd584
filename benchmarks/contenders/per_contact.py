"""Per contact: one request a contact, as several connectors do, within the ten a second that a general plan allows.

A million take more than a day, so `python -m benchmarks.contenders.per_contact COUNT` sends the first COUNT. The
measuring process works out the rest: it prints the processor time of all but the first, which has the start in it. The
rows are read and checked as in `naive`.
"""

import os
import sys
import time
from itertools import islice

from brevo import Brevo
from brevo.core.api_error import ApiError

from benchmarks.contenders.naive import rows
from benchmarks.contenders.place import LIST_ID

# Less than ten a second, so that none is refused.
SECONDS_A_REQUEST = 0.12


def main() -> None:
    brevo = Brevo(api_key=os.environ["BREVO_API_KEY"], base_url=os.environ["BREVO_BASE_URL"])
    next_at, cpu_after_first = time.monotonic(), 0.0
    for number, row in enumerate(islice(rows(), int(sys.argv[1]))):
        if number == 1:
            cpu_after_first = time.process_time()
        time.sleep(max(0.0, next_at - time.monotonic()))
        next_at = max(next_at, time.monotonic()) + SECONDS_A_REQUEST
        attributes = row.attributes()
        try:
            brevo.contacts.create_contact(
                email=row.email, attributes=attributes, list_ids=[LIST_ID], update_enabled=True
            )
        except ApiError as error:
            if error.status_code != 400 or attributes.pop("SMS", None) is None:
                raise
            # Somebody has this number already: the contact goes without it.
            brevo.contacts.create_contact(
                email=row.email, attributes=attributes, list_ids=[LIST_ID], update_enabled=True
            )
    print(time.process_time() - cpu_after_first)


if __name__ == "__main__":
    main()
