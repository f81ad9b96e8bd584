"""Naive: csv, pydantic, email-validator, phonenumbers and Brevo's own SDK, row by row, as most would write it first.

It does not wait until Brevo has confirmed, does not know a phone number's first owner, and says nothing of the rows
that it leaves out.
"""

import csv
import io
import os
from collections.abc import Iterator
from itertools import batched

import phonenumbers
from brevo import Brevo
from brevo.contacts import ImportContactsRequestJsonBodyItem
from pydantic import BaseModel, EmailStr, Field, ValidationError, field_validator

from benchmarks.contenders.place import CONTACTS_A_REQUEST, COUNTRY, LIST_ID, files


class Row(BaseModel):
    email: EmailStr = Field(alias="EMail")
    first_name: str = Field(alias="FirstName")
    last_name: str = Field(alias="LastName")
    phone: str | None = Field(alias="Telephone")

    @field_validator("phone")
    @classmethod
    def _international(cls, text: str) -> str | None:
        try:
            number = phonenumbers.parse(text, COUNTRY)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def attributes(self) -> dict[str, str]:
        values = {"FIRSTNAME": self.first_name, "LASTNAME": self.last_name, "SMS": self.phone}
        return {name: value for name, value in values.items() if value}


def rows() -> Iterator[Row]:
    """The segment's valid rows, each address once."""
    seen = set()
    for _, data in files():
        for line in csv.DictReader(io.StringIO(data.decode("utf-8", errors="replace"))):
            try:
                row = Row.model_validate(line)
            except ValidationError:
                continue
            if row.email.lower() not in seen:
                seen.add(row.email.lower())
                yield row


def main() -> None:
    brevo = Brevo(api_key=os.environ["BREVO_API_KEY"], base_url=os.environ["BREVO_BASE_URL"])
    for batch in batched(rows(), CONTACTS_A_REQUEST, strict=False):
        contacts = [ImportContactsRequestJsonBodyItem(email=row.email, attributes=row.attributes()) for row in batch]
        brevo.contacts.import_contacts(
            list_ids=[LIST_ID], json_body=contacts, update_existing_contacts=True, disable_notification=True
        )


if __name__ == "__main__":
    main()
