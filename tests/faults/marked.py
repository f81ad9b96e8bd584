"""People whose names, numbers and places are marks that must be found nowhere."""

import base64

KEY = "xkeysib-c4n4ry" + "0123456789abcdef" * 3
NAME = "Kanarienvogel"
CITY = "Kanarienstadt"
PHONE = "722987654"
MARKS = ("kanarie", "c4n4ry", PHONE, "722 987 654", "example.com;")
HEADER = "CustomerId,EMail,FirstName,Telephone,City\n"


def row(number: int, **changes: str) -> str:
    values = {
        "id": f"C-{number}",
        "email": f"kanarie{number}@example.com",
        "name": NAME,
        "phone": f"+40{PHONE}" if number == 1 else "",
        "city": CITY,
    } | changes
    return ",".join(values.values()) + "\n"


BROKEN = {
    "no header row": row(1) + row(2),
    "no header row and few digits": "C,a@kanarie.example,Kanarienvogel,,Kanarienstadt\n" * 2,
    "an open quote": HEADER + row(1) + f'C-2,"kanarie2@example.com,{NAME},,{CITY}\n' + row(3) * 50,
    "UTF-16": (HEADER + row(1)).encode("utf-16"),
    "bytes of no encoding": HEADER.encode() + row(1).encode().replace(b"vogel", b"\xff\xfe"),
    "a column twice": HEADER.replace("City", "EMail") + row(1),
    "a cell that is too long": HEADER + row(1, name=NAME * 30_000),
}


def marked_segment() -> str:
    """Good rows, rows of each kind of fault, and a phone number that belongs to somebody else at Brevo."""
    return HEADER + "".join(
        [
            *(row(number) for number in range(1, 6)),
            row(6, email="kanarie6@example..com"),
            row(7, email=f'"kanarie seven" {NAME}'),
            row(1),
            row(8, phone=f"{PHONE}x"),
            row(9, phone=f"+40{PHONE}"),
            row(10, city=f'"{CITY}"x'),
            row(11, name=f"{NAME},{NAME},{NAME}"),
            row(12, email=""),
        ]
    )


def found_marks(text: str) -> list[str]:
    """The marks in a text, in any case and base64 too."""
    lower = text.lower()
    encoded = [base64.b64encode(mark.encode()).decode().rstrip("=")[:-1] for mark in ("kanarie", KEY)]
    links = ["/reports/"] if "/reports/" in lower else []
    return [mark for mark in MARKS if mark.lower() in lower] + [mark for mark in encoded if mark in text] + links


def assert_clean(what: str, text: str) -> None:
    marks = found_marks(text)
    assert not marks, f"{what} holds {marks}: …{text[max(0, text.lower().find(marks[0].lower()) - 200) :][:400]}"
