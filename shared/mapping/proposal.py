"""A mapping proposed by the names of columns alone, in English, Romanian, German and French. No value is looked at."""

import re
import unicodedata
from dataclasses import dataclass, field

from shared.mapping.plan import find_column

# Of several columns that fit, the first name here wins: a mobile number can get a text message, a landline cannot.
_EMAIL = """
email emailaddress mail mailaddress adresaemail adresadeemail emailadresse mailadresse adressemail adresseemail
adresseelectronique courriel postaelectronica
"""
_FIRST_NAME = "firstname givenname forename prenume vorname prenom"
_LAST_NAME = "lastname surname familyname numedefamilie nume nachname familienname zuname nomdefamille nom"
_PHONE = """
mobilephone mobile mobilenumber mobilephonenumber cellphone cell telefonmobil mobil mobiltelefon mobilnummer handy
handynummer telephonemobile telephoneportable portable mobiletelephone gsm phone phonenumber telephone telephonenumber
telefon telefonnummer numartelefon numardetelefon nrtelefon numerodetelephone tel
"""
_ATTRIBUTES = {
    "CITY": "city town oras orasul localitate localitatea stadt ort wohnort ville",
    "COUNTRY": "country countrycode countryorregion tara land pays",
    "POSTAL_CODE": "postalcode postcode zip zipcode codpostal postleitzahl plz codepostal",
    "BIRTHDAY": """
    birthdate birthday dateofbirth datanasterii datanastere geburtsdatum geburtstag datedenaissance datenaissance
    """,
}
# Words that Customer Insights and its sources put before a name.
_PREFIXES = ("customer", "contact", "client", "person", "primary", "main", "kunden", "kunde", "haupt")


@dataclass(frozen=True, slots=True)
class ProposedMapping:
    """As the mapping of an export; null is what no column is likely for. `attributes` names a column for each."""

    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    phone: str | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns that it maps."""
        standard = (self.email, self.first_name, self.last_name, self.phone)
        return [*filter(None, standard), *self.attributes.values()]


def propose_mapping(columns: tuple[str, ...]) -> ProposedMapping:
    """The likely pairs of these columns. One whose name is there twice is never proposed: no export could use it."""
    by_name: dict[str, str] = {}
    for column in columns:
        if find_column(column, columns) is not None:
            by_name.setdefault(_plain(column), column)
    for name, column in list(by_name.items()):
        by_name.setdefault(_without_prefix(name), column)

    def likely(names: str) -> str | None:
        return next((by_name[name] for name in names.split() if name in by_name), None)

    attributes = {attribute: likely(names) for attribute, names in _ATTRIBUTES.items()}
    return ProposedMapping(
        email=likely(_EMAIL),
        first_name=likely(_FIRST_NAME),
        last_name=likely(_LAST_NAME),
        phone=likely(_PHONE),
        attributes={attribute: column for attribute, column in attributes.items() if column},
    )


def _plain(column: str) -> str:
    """Letters alone, small and without accents: `E-Mail Address 1` is `emailaddress`, `Prénom` is `prenom`."""
    letters = unicodedata.normalize("NFKD", column).casefold()
    return re.sub(r"[^a-z]", "", letters)


def _without_prefix(name: str) -> str:
    return next((name.removeprefix(each) for each in _PREFIXES if name.startswith(each) and name != each), name)
