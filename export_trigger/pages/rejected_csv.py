"""The rejected rows as a person reads them: beside each reason's code stand words."""

import csv
import io

from export_trigger.pages.phrases import N_, reason_text
from export_trigger.pages.viewer import Viewer
from shared.staging.rejected import COLUMNS, cells_of


def with_words(data: bytes, viewer: Viewer) -> bytes:
    """The whole report with one column more, in the viewer's language. A mark says that it is UTF-8, for Excel."""
    head, *rows = cells_of(data)
    reason = COLUMNS.index("reason")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*head, viewer.text(N_("in words"))])
    writer.writerows([*row, reason_text(viewer, row[reason])] for row in rows)
    return text.getvalue().encode("utf-8-sig")
