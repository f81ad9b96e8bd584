"""Per contact: one request a contact, as several connectors do, at the ten a second that a general plan allows.

A million take more than a day, so `python -m benchmarks.contenders.per_contact COUNT` sends the first COUNT, and
whoever measures works out the rest. The rows are read and checked as in `naive`.
"""

import os
import sys
import time
from itertools import islice

from brevo import Brevo
from brevo.core.api_error import ApiError

from benchmarks.contenders.naive import rows
from benchmarks.contenders.place import LIST_ID

# A little less than ten a second: the account's window is not ours.
SECONDS_A_REQUEST = 0.105


def main() -> None:
    brevo = Brevo(api_key=os.environ["BREVO_API_KEY"], base_url=os.environ["BREVO_BASE_URL"])
    next_at = time.monotonic()
    for row in islice(rows(), int(sys.argv[1])):
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


if __name__ == "__main__":
    main()
