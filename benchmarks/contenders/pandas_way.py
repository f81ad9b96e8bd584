"""pandas: the whole segment in a data frame, column by column, then requests.

Addresses are checked by one regular expression, phone numbers by phonenumbers; what becomes of a row is not reported.
"""

import io
import os

import pandas as pd
import phonenumbers
import requests

from benchmarks.contenders.place import CONTACTS_A_REQUEST, COUNTRY, LIST_ID, files

COLUMNS = {"EMail": "email", "FirstName": "FIRSTNAME", "LastName": "LASTNAME", "Telephone": "SMS"}
ADDRESS = r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}"


def international(text: str) -> str:
    try:
        number = phonenumbers.parse(text, COUNTRY)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def frame() -> pd.DataFrame:
    parts = [
        pd.read_csv(
            io.BytesIO(data),
            usecols=list(COLUMNS),
            dtype=str,
            keep_default_na=False,
            encoding_errors="replace",
            on_bad_lines="skip",
        )
        for _, data in files()
    ]
    people = pd.concat(parts, ignore_index=True)[list(COLUMNS)].rename(columns=COLUMNS)
    people["email"] = people["email"].str.strip().str.lower()
    people = people[people["email"].str.fullmatch(ADDRESS)].drop_duplicates("email")
    people["SMS"] = people["SMS"].map(international)
    people.loc[people["SMS"].duplicated(), "SMS"] = ""
    return people


def main() -> None:
    people = frame()
    with requests.Session() as session:
        session.headers["api-key"] = os.environ["BREVO_API_KEY"]
        for start in range(0, len(people), CONTACTS_A_REQUEST):
            contacts = [
                {
                    "email": row["email"],
                    "attributes": {name: value for name, value in row.items() if name != "email" and value},
                }
                for row in people.iloc[start : start + CONTACTS_A_REQUEST].to_dict("records")
            ]
            answer = session.post(
                f"{os.environ['BREVO_BASE_URL']}/contacts/import",
                json={"listIds": [LIST_ID], "jsonBody": contacts, "disableNotification": True},
                timeout=120,
            )
            answer.raise_for_status()


if __name__ == "__main__":
    main()
