"""Brevo's export of contacts in every form that may come, and in forms that must not be read."""

import tracemalloc

import pytest

from shared.brevo import contact_export
from shared.brevo.contact_export import ExportedContact, read_columns, read_export
from shared.brevo.download import Download
from shared.errors import PermanentError, TransientError

BASE = "https://api.brevo.com/v3"
LINK = "https://files.brevo.com/secret/export.csv"


@pytest.fixture
def read(monkeypatch):
    """Reads a file as if it had been downloaded: (address, number) of each contact."""

    def contacts(data):
        def fetch(self, url, base_url, file):
            for part in [data] if isinstance(data, bytes) else data:
                file.write(part)

        monkeypatch.setattr(Download, "fetch", fetch)
        return [(contact.email, contact.number) for contact in read_export(LINK, BASE)]

    return contacts


ANA = [("ana@x.ro", 7)]


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"CONTACT ID;EMAIL\n7;ana@x.ro\n", ANA),
        (b"CONTACT ID,EMAIL\n7,ana@x.ro\n", ANA),
        (b"contact id;email\n7;ana@x.ro\n", ANA),
        (b" Contact_Id ; Email \n 7 ; ana@x.ro \n", ANA),
        (b"ID,FIRSTNAME,EMAIL\n7,Ana,ana@x.ro\n", ANA),
        (b'"CONTACT ID";"EMAIL"\r\n"7";"ana@x.ro"\r\n', ANA),
        (b"\xef\xbb\xbfEMAIL;CONTACT ID\nana@x.ro;7\n", ANA),
        (b"EMAIL;CONTACT ID\nana@x.ro;7", ANA),
        (b"EMAIL;CONTACT ID\n\nana@x.ro;7\n\n", ANA),
        (b'EMAIL;CONTACT ID;NOTE\nana@x.ro;7;"two\nlines; and ""quotes"""\n', ANA),
        (b"EMAIL;CONTACT ID\nana@x.ro;7;\n", ANA),
        ("EMAIL;CONTACT ID;FIRSTNAME\nana@x.ro;7;Ștefan\n".encode(), ANA),
        (b"EMAIL;CONTACT ID;FIRSTNAME\nana@x.ro;7;\xff\xfe\n", ANA),
        (b"EMAIL\nana@x.ro\n", [("ana@x.ro", 0)]),
        (b"EMAIL;CONTACT ID\nana@x.ro;9223372036854775808\n", [("ana@x.ro", 0)]),
        (b"EMAIL;CONTACT ID\nana@x.ro;none\n", [("ana@x.ro", 0)]),
        (b"EMAIL;CONTACT ID\nana@x.ro;99999999999999999999\n", [("ana@x.ro", 0)]),
        (b"EMAIL;CONTACT ID;SMS\n;8;40722123456\n", [("", 8)]),
        (b"EMAIL;CONTACT ID\n", []),
        (b"EMAIL", []),
    ],
)
def test_export_is_read_whatever_its_delimiter_header_and_quotes(read, data, wanted):
    assert read(data) == wanted


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("EMAIL_MARKETING", {"unsubscribed": True, "subscribed": False, " Unsubscribed ": True, "": None, "?": None}),
        ("email_blacklisted", {"true": True, "false": False, "1": True, "0": False, "Yes": True, "NO": False}),
        ("EMAIL BLOCKLISTED", {"true": None}),
        ("_BLOCKLISTED", {"email_marketing": True, "": False, "sms_marketing": False, "1": True, "other": None}),
        ("_Blocklisted", {"[sms_marketing|email_marketing]": True, "[]": False}),
    ],
)
def test_who_is_blocked_is_read_in_each_form_and_none_where_it_is_in_none(read, column, cells):
    for cell, blocked in cells.items():
        read(f"EMAIL;{column}\nana@x.ro;{cell}\nben@x.ro;{cell}\n".encode())
        assert [contact.blocked for contact in read_export(LINK, BASE)] == [blocked, blocked]


def test_column_that_names_the_blocked_channels_is_preferred(read):
    read(b"EMAIL_MARKETING;EMAIL;_BLOCKLISTED\nsubscribed;ana@x.ro;email_marketing\n")
    assert next(read_export(LINK, BASE)).blocked is True


@pytest.mark.parametrize("name", ["EXT_ID", "ext_id", "Ext Id", "EXTID"])
def test_customers_id_is_read_and_empty_where_there_is_none(read, name):
    read(f"EMAIL;{name};{name}\nana@x.ro; C-1 ;C-1\nben@x.ro;;\n;C-2;C-2\n".encode())
    assert list(read_export(LINK, BASE)) == [
        ExportedContact("ana@x.ro", 0, None, "C-1"),
        ExportedContact("ben@x.ro", 0, None, ""),
        ExportedContact("", 0, None, "C-2"),
    ]


GARBLED = {
    "no EMAIL": (b"CONTACT ID;SMS\n7;40722123456\n", "no column EMAIL"),
    "EMAIL twice": (b"EMAIL;Email\na@x.ro;b@x.ro\n", "EMAIL twice"),
    "number twice": (b"EMAIL;ID;id\na@x.ro;1;2\n", "ID twice"),
    "empty": (b"", "no header"),
    "blank": (b"\n\n", "no header"),
    "NUL": (b"EMAIL\nana@x.ro\n\0\0\0\n", "NUL byte in line 3"),
    "UTF-16": ("EMAIL\nana@x.ro\n".encode("utf-16"), "NUL byte"),
    "zipped": (b"PK\x03\x04\x14\x00\x00\x00\x08\x00", "NUL byte"),
    "cut row": (b"CONTACT ID;EMAIL\n7;ana@x.ro\n8", "1 cells in row 3"),
    "long row": (b"CONTACT ID;EMAIL\n7;ana@x.ro;b@x.ro\n", "3 cells in row 2"),
    "cut quote": (b'EMAIL;NOTE\nana@x.ro;"cut', "no CSV"),
    "quote inside": (b'EMAIL;NOTE\nana@x.ro;"a"b\n', "no CSV"),
    "lone CR": (b"EMAIL\nana@x.ro\rben@x.ro\n", "no CSV"),
    "masked address": (b"EMAIL\n***\n", "something else than an address in row 2"),
    "broken address": (b"EMAIL\nan\xff@x.ro\n", "something else than an address in row 2"),
    "huge line": (b"EMAIL\n" + b"a" * 200_000, "more than 100,000 bytes in line 2"),
    "huge header": (b"EMAIL;" * 30_000, "more than 100,000 bytes in line 1"),
    "NUL behind many rows": (b"EMAIL\n" + b"ana@x.ro\n" * 9_999 + b"\0", "NUL byte in line 10,001"),
    "short row behind many": (b"EMAIL;ID\n" + b"ana@x.ro;7\n" * 9_999 + b"ana@x.ro", "1 cells in row 10,001"),
    "short row behind quotes": (b'EMAIL;ID\n"ana@x.ro";"a\nb"\n' + b"\n\nana@x.ro", "1 cells in row 5"),
    "no address behind many": (b"EMAIL\n" + b"ana@x.ro\n\n" * 999 + b"ana\n", "an address in row 2,000"),
    "huge quoted row": (b'EMAIL;NOTE\nana@x.ro;"' + b"line\n" * 30_000, "more than 100,000 bytes in row 2"),
}


@pytest.mark.parametrize(("data", "words"), GARBLED.values(), ids=GARBLED)
def test_file_that_is_not_the_table_that_it_should_be_is_refused_and_not_quoted(read, data, words):
    with pytest.raises(PermanentError) as caught:
        read(data)
    assert caught.value.code == "export_garbled"
    assert words in caught.value.message
    assert "@" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("page", [b"<!DOCTYPE html>\n<html>\n", b"\xef\xbb\xbf  <html>", b'{"code": "not_found"}'])
def test_page_in_place_of_the_file_is_fetched_again(read, page):
    with pytest.raises(TransientError, match="page of another kind") as caught:
        read(page)
    assert caught.value.code == "export_broken"


def test_export_of_more_rows_than_are_read_is_refused(read, monkeypatch):
    monkeypatch.setattr(contact_export, "MOST_ROWS", 3)
    assert len(read(b"EMAIL\n" + b"ana@x.ro\n" * 3)) == 3
    with pytest.raises(PermanentError) as caught:
        read(b"EMAIL\n" + b"ana@x.ro\n" * 4)
    assert caught.value.code == "export_too_large"


def test_ten_million_contacts_are_the_most_that_are_read():
    assert contact_export.MOST_ROWS == 10_000_000


@pytest.mark.full
def test_export_is_never_whole_in_memory(monkeypatch):
    def fetch(self, url, base_url, file):
        file.write(b"EMAIL;NOTE\n")
        for _ in range(20):
            file.write(b"ana@x.ro;some words that stand behind every one of them\n" * 5_000)

    monkeypatch.setattr(Download, "fetch", fetch)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_export(LINK, BASE)) == 100_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2_000_000


def test_work_in_between_is_done_while_a_long_file_is_read(monkeypatch):
    def fetch(self, url, base_url, file):
        file.write(b"EMAIL\n" + b"ana@x.ro\n" * 25_000)

    monkeypatch.setattr(Download, "fetch", fetch)
    turns = []
    assert list(read_export(LINK, BASE, lambda: turns.append(1)))[-1] == ExportedContact("ana@x.ro", 0)
    assert len(turns) == 3


@pytest.mark.parametrize(
    "url",
    ["", "http://files.brevo.com/x.csv", "https://evil.invalid/x.csv", "file:///etc/passwd", "https://a@brevo.com"],
)
def test_link_to_another_host_is_not_followed_and_not_quoted(url):
    with pytest.raises(PermanentError) as caught:
        list(read_export(url, BASE))
    assert caught.value.code == "export_link"
    assert not url or url not in str(caught.value)


def test_file_that_cannot_be_fetched_is_tried_again():
    with pytest.raises(TransientError) as caught:
        list(read_export("http://127.0.0.1:9/x.csv", "http://127.0.0.1:9/v3"))
    assert caught.value.code == "export_broken"


# Its columns alone, as a probe reads them


@pytest.mark.parametrize(
    ("data", "names", "has_number"),
    [
        (b"CONTACT ID;EMAIL;Added Time\n7;ana@x.ro;x\n", ["CONTACT ID", "EMAIL", "Added Time"], True),
        (b"\xef\xbb\xbfemail,first name\n\0", ["email", "first name"], False),
        (b'"EMAIL";"ID"\n', ["EMAIL", "ID"], True),
        (b"EMAIL", ["EMAIL"], False),
    ],
)
def test_columns_are_read_as_they_are_spelled(monkeypatch, data, names, has_number):
    monkeypatch.setattr(Download, "fetch", lambda self, url, base_url, file: file.write(data))
    assert read_columns(LINK, BASE) == (names, has_number)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"ana@x.ro;7\n",
        b"EMAIL;EMAIL\n",
        b"EMAIL;ID;ID\n",
        b"EMAIL\0;ID\n",
        b"EMAIL;" * 200_000,
        b"EMAIL;" + b"x" * 99_000 + b"y" * 99_000,
    ],
    ids=lambda data: repr(data[:20]),
)
def test_columns_of_no_table_are_refused(monkeypatch, data):
    monkeypatch.setattr(Download, "fetch", lambda self, url, base_url, file: file.write(data))
    with pytest.raises(PermanentError) as caught:
        read_columns(LINK, BASE)
    assert caught.value.code == "export_garbled"
    assert "ana@x.ro" not in str(caught.value)
