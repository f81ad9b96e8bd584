"""The rejected rows of a run: one file, or a page that leads to its parts."""

import re

from shared.runs import report


def test_link_opens_the_page_of_the_parts_where_there_are_several(browser, monkeypatch):
    run_id = browser.flow.run()["run_id"]
    link = re.search(r'<a [^>]*href="([^"]*/rejected-rows)"[^>]*>', browser.open(f"/runs/{run_id}").html)
    assert "download" not in link[0], "a browser would save the page of the parts as a file"
    assert browser.open(link[1]).headers["content-disposition"].startswith("attachment;")
    monkeypatch.setattr(report, "report_parts", lambda *_: 2)
    page = browser.open(link[1])
    assert "content-disposition" not in page.headers
    parts = re.findall(r'<a ([^>]*)href="([^"]*part=\d+)"', page.html)
    assert len(parts) == 2
    assert "download" not in parts[0][0]
    assert browser.open(parts[0][1]).headers["content-disposition"].startswith("attachment;")
