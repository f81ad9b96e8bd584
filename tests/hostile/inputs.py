"""A table of nasty inputs that grows: whoever finds one adds it here, and every test of its kind takes it."""

import gzip
import json
from typing import Any

LONG = "x" * 20_000
DEEP = "[" * 50_000
WORDS: list[str] = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\n",
    "a\r\nb",
    "\t",
    "\u2028",
    "\u202egnp.exe",
    "\ufeff",
    "\ud7ff",
    "\U0001f600",
    "e\u0301",
    "İ",
    "ß",
    "ﬁ",
    "٣٤٥",
    "-1",
    "0",
    "1e999",
    "NaN",
    "null",
    "None",
    "true",
    "undefined",
    "../../etc/passwd",
    "..\\..\\x",
    "%2e%2e%2f",
    "%00",
    "%",
    "{}",
    "{0}",
    "%s%n",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    '"; DROP TABLE rows; --',
    "$(id)",
    "`id`",
    "=cmd|' /C calc'!A0",
    "@SUM(1)",
    "+1",
    "a;b",
    "a,b",
    'a"b',
    "a'b",
    "\\",
    "/",
    "?",
    "#",
    "COM1",
    ".",
    "..",
    "*",
    LONG,
    "ä" * 300,
    "\U0001f468\u200d\U0001f469" * 50,
]

_CONNECTION = {
    "id": "brevo-eu",
    "display_name": "Brevo",
    "api_key": {"setting": "KEY"},
    "consent": {"agreed_by": "a", "agreed_on": "2026-11-01"},
}
_EXPORT: dict[str, Any] = {
    "id": "gold",
    "display_name": "Gold",
    "connection": "brevo-eu",
    "list_id": 12,
    "source": {"container": "segments", "folder": "a/b"},
    "segments": ["Gold"],
    "mapping": {"email": "EMail"},
}


def document(**changes: Any) -> bytes:
    return json.dumps({"connections": [_CONNECTION], "exports": [_EXPORT | changes]}).encode()


# Configuration documents: each is refused by name, or taken.
DOCUMENTS: list[bytes] = [
    b"",
    b" ",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"\x00",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"{}}",
    b"{'a':1}",
    b'{"connections":null}',
    b'{"connections":{}}',
    b'{"exports":[null]}',
    b'{"exports":[[]]}',
    b'{"exports":[{}]}',
    b'{"a\\nb":1}',
    b'{"a":1,"a":2}',
    b'{"exports":[],"exports":[]}',
    b'{"connections":NaN}',
    b'{"connections":1e999}',
    b'{"connections":' + b"9" * 5000 + b"}",
    DEEP.encode(),
    b'{"a":' * 20_000,
    b'{"k":"xkeysib-1"}',
    b'{"connections":[{"id":"b","api_key":"xkeysib-abc"}]}',
    b'{"\\ud800":1}',
    b'{"exports":"\\ud800"}',
    *(document(id=word) for word in WORDS),
    *(document(display_name=word) for word in WORDS[:40]),
    *(document(segments=[word]) for word in WORDS[:50]),
    *(document(source={"container": "segments", "folder": word}) for word in WORDS[:40]),
    *(document(list_id=value) for value in (0, -1, 1.5, "12", True, None, 2**70, [], float("nan"))),
    *(document(mapping={"email": word}) for word in WORDS[:20]),
    *(document(mapping={"email": "E", "attributes": {word: "X"}}) for word in WORDS[:45]),
    *(
        document(schedule={"cron": word})
        for word in ("* * *", "61 * * * *", "0 0 31 2 *", "@daily", LONG, "\x00", "* * * * * *")
    ),
    *(document(schedule={"cron": "0 5 * * *", "time_zone": word}) for word in WORDS[:50]),
    *(document(default_country=word) for word in WORDS[:16]),
    *(document(max_shrink=value) for value in (-1, 2, "x", float("inf"))),
    document(segments=["A"] * 2),
    document(segments=["A" + str(n) for n in range(1000)]),
    document(unknown={"deep": [1, {"x": None}]}),
    document(**{"a\nb": 1, "\x1b[31m": 2}),
]

_HEAD = b"CustomerId,EMail,FirstName\n"
_ROW = b"C-1,ana@example.com,Ana\n"

# Segment files: each is read, row for row, or refused with its name.
SEGMENTS: list[bytes] = [
    b"",
    b"\n",
    b"\n\n\n",
    b"\r",
    _HEAD,
    _HEAD.strip(),
    b"\xef\xbb\xbf" + _HEAD + _ROW,
    b"\xff\xfe" + (_HEAD + _ROW).decode().encode("utf-16-le"),
    (_HEAD + _ROW).decode().encode("utf-16-le"),
    (_HEAD + _ROW).decode().encode("utf-32"),
    b"PK\x03\x04" + _ROW,
    b"<html><body>not found</body></html>",
    b'{"EMail":"ana@example.com"}',
    _HEAD.replace(b"\n", b"\r") + _ROW.replace(b"\n", b"\r"),
    _HEAD.replace(b"\n", b"\r\n") + _ROW + _ROW.replace(b"\n", b"\r"),
    _HEAD.replace(b",", b";") + _ROW.replace(b",", b";"),
    _HEAD + b'C-1,"ana@example.com,Ana\n' + _ROW,
    _HEAD + b'C-1,"ana@example.com"x,Ana\n' + _ROW,
    _HEAD + b'C-1,ana"@example.com,Ana\n' + _ROW,
    _HEAD + b'"' * 10_001 + b"\n" + _ROW,
    _HEAD + b'C-1,ana@example.com,"A\nn\na"\n' + _ROW,
    _HEAD + b'C-1,ana@example.com,"A""n""a"\n',
    _HEAD + b"C-1\n" + _ROW,
    _HEAD + b",,,,,,,,,\n" + _ROW,
    _HEAD + b"," * 5000 + b"\n" + _ROW,
    _HEAD + _ROW * 5,
    _HEAD + _ROW.strip(),
    _HEAD + b"C-1," + b"a" * 70_000 + b"@example.com,Ana\n" + _ROW,
    _HEAD + b"C-1,ana@example.com," + b"A" * 300_000 + b"\n" + _ROW.replace(b"ana", b"ion"),
    _HEAD + b"C-1,ana@example.com,\xc3\x28\n" + _ROW,
    _HEAD + b"C-1,ana@example.com,\xed\xa0\x80\n" + _ROW,
    _HEAD + b"C-1,ana@example.com,A\x00na\n" + _ROW,
    _HEAD + b"C-1\t2,ana@example.com,Ana\n" + _ROW,
    _HEAD + b'"C\n1",ana@example.com,Ana\n' + _ROW,
    _HEAD + b"\xff\xfe,ana@example.com,Ana\n",
    b"EMail\n" + b"ana@example.com\n" * 3,
    b"EMail,EMail\nana@example.com,ion@example.com\n",
    b"email,EMAIL\nana@example.com,ion@example.com\n",
    b",EMail,\nC,ana@example.com,x\n",
    b'"EMail\n",x\nana@example.com,1\n',
    b'"EMail\nana@example.com\n',
    b"\xff\xfe\xfd,EMail\n1,ana@example.com\n",
    b"EMail," + b",".join(b"c%d" % n for n in range(3000)) + b"\nana@example.com" + b"," * 3000 + b"\n",
    b"EMail," + b"c" * 100_000 + b"\nana@example.com,1\n",
    b"x" * 1_100_000,
    b'EMail,"' + b"x" * 1_100_000 + b'"\n',
    b"file,record,EMail,fate,email_cell,rowid,line,customer_id\n1,2,ana@example.com,3,4,5,6,7\n",
    b'EMail,"a""b","c;d",select\nana@example.com,1,2,3\n',
    *(_HEAD + f"C-1,{word},Ana\n".encode() for word in WORDS[:55:7]),
    *(_HEAD + f'C-1,ana@example.com,"{word}"\n'.encode() for word in WORDS[:55:7]),
    _HEAD + "".join(f"C-{n},{word},Ana\n" for n, word in enumerate(WORDS)).encode(),
    _HEAD + "".join(f"C-{n},p{n}@example.com,{word}\n" for n, word in enumerate(WORDS[:35])).encode(),
    _HEAD + "".join(f"{word},p{n}@example.com,Ana\n" for n, word in enumerate(WORDS[:35])).encode(),
]

# Files whose first line cannot be shown to anybody.
UNREADABLE_HEADERS: list[bytes] = [
    b"\x00",
    b"\xff" * 1000,
    gzip.compress(_HEAD + _ROW, mtime=0),
    b"\x1b[31mred\n1\n",
    "Näme\nx\n".encode("latin-1"),
]

# HTTP bodies: each is answered, and none with 5xx.
BODIES: list[bytes] = [
    b"",
    b" ",
    b"\x00",
    b"\xff",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"{}",
    b'{"now":1}',
    b'{"now":"true"}',
    b'{"now":null}',
    b'{"now":true,"now":false}',
    b'{"accept":[]}',
    b'{"exports":"some"}',
    b'{"exports":["all"]}',
    b'{"export":"gold","segment":"Gold"}',
    b'{"export":null,"segment":null}',
    b'{"export":5}',
    b'{"segment":{}}',
    b'{"__class__":"x"}',
    b'{"\\ud800":"\\ud800"}',
    b'{"export":"\\ud800"}',
    b'{"segment":"\\udfff"}',
    b'{"export":' + b"9" * 5000 + b"}",
    b'{"now":NaN}',
    DEEP.encode(),
    b'{"a":' * 20_000,
    b"x" * 1_000_001,
    b"<xml/>",
    b"a=b&c=d",
    b"\xef\xbb\xbf{}",
    *(json.dumps({"export": word}).encode() for word in WORDS),
    *(json.dumps({"segment": word}).encode() for word in WORDS),
]

# Blob addresses as an event may tell them.
SUBJECTS: list[Any] = [
    None,
    5,
    [],
    {},
    True,
    *WORDS,
    "/blobServices/default/containers",
    "/blobServices/default/containers/",
    "/blobServices/default/containers/segments",
    "/blobServices/default/containers//blobs/model.json",
    "/blobServices/default/containers/segments/blobs/",
    "/blobServices/default/containers/segments/blobs/model.json",
    "/blobServices/default/containers/segments/blobs/CustomerInsights_abcd1234/BlobExport/model.json",
    "/blobServices/default/containers/segments/blobs//Gold/2026/11/24/0500/Gold_1.csv",
    "/blobServices/default/containers/segments/blobs/../Gold/2026/11/24/0500/Gold_1.csv",
    "/blobServices/default/containers/segments/blobs/a/\udcff/2026/11/24/0500/\x00.csv",
    "/blobServices/default/containers/%2f%2f/blobs/a/b/2026/11/24/0500/x.csv",
    "https://evil.example/segments/a/Gold/2026/11/24/0500/Gold_1.csv",
    "//x",
    "blob:segments",
    "/blobServices/default/containers/segments/blobs/a/Gold/2026/11/24/0500/Gold_1.csv",
]

_RUN = "gold-20261124T050000-abcdef"

# Queue messages: each is taken, or dropped with one line.
MESSAGES: list[bytes] = [
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"null",
    b"[]",
    b"{}",
    b"{",
    DEEP.encode(),
    b'{"run":5,"step":"stage"}',
    b'{"run":"","step":"stage"}',
    b'{"run":"x","step":"stage"}',
    b'{"run":"\\ud800","step":"stage"}',
    *(json.dumps({"run": word, "step": "stage"}).encode() for word in WORDS),
    *(json.dumps({"run": f"{word}-20261124T050000-abcdef", "step": "stage"}).encode() for word in WORDS[:40]),
    *(json.dumps({"run": _RUN, "step": word}).encode() for word in WORDS[:40]),
    *(
        json.dumps({"run": _RUN, "step": "deliver", "batch": value}).encode()
        for value in (-1, 0, 1, 10**6, 10**7, 10**30, 1.5, "1", None, True)
    ),
    *(
        json.dumps({"run": _RUN, "step": "confirm", "number": value}).encode()
        for value in (-1, 0, 1, 10**30, 1.5, "1", None)
    ),
    *(json.dumps({"run": _RUN, "step": "stage", "attempt": value}).encode() for value in (-1, 0, 20, 5000, 10**30)),
    *(
        json.dumps({"run": _RUN, "step": "stage", "failing_since": value}).encode()
        for value in (-1, 0, 1e300, float("inf"), float("nan"))
    ),
    *(
        json.dumps({"run": _RUN, "step": "confirm", "due": value}).encode()
        for value in (-1, 0, 1e300, float("inf"), float("nan"), "1", None)
    ),
    b'{"run":"gold-' + "٢٠٢٦١١٢٤T٠٥٠٠٠٠".encode() + b'-abcdef","step":"stage"}',
]
