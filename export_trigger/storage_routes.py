"""What lies in storage: the segments, and the versions that the configuration had before."""

import azure.functions as func

from export_trigger.answers import json_answer
from export_trigger.entry import Asked, Parameter, endpoint
from export_trigger.export_routes import IF_MATCH_REQUIRED
from export_trigger.paging import LIMIT, continuation, page_headers, page_of
from shared.administration.history import ConfigurationVersion, Restored, list_versions
from shared.administration.history import restore_version as restore
from shared.administration.paging import BEFORE
from shared.administration.stored_segments import StoredSegment
from shared.administration.stored_segments import list_segments as segments_of


@endpoint(
    "GET",
    "segments",
    answer=list[StoredSegment],
    parameters=(
        LIMIT,
        continuation(BEFORE),
        Parameter("container", "query", "Only this container; left out, all that may hold segments."),
    ),
    problems=(400, 409),
)
def list_segments(asked: Asked) -> func.HttpResponse:
    """The segments in storage: newest snapshot, columns, a proposed mapping; never a value. `Link` leads further."""
    limit, after = page_of(asked, BEFORE)
    container = asked.query.get("container", "")
    found, more = segments_of(asked.app, asked.caller, container, limit=limit, after=after)
    return json_answer(found, headers=page_headers(asked, more))


@endpoint(
    "GET",
    "history",
    answer=list[ConfigurationVersion],
    parameters=(LIMIT, continuation(BEFORE)),
    problems=(400, 409),
)
def list_history(asked: Asked) -> func.HttpResponse:
    """The configuration's last changes, newest first, with the versions before them; `ETag` is the configuration's."""
    limit, after = page_of(asked, BEFORE)
    found, more, etag = list_versions(asked.app, asked.caller, limit=limit, after=after)
    return json_answer(found, headers={"ETag": f'"{etag}"', **page_headers(asked, more)})


@endpoint(
    "POST",
    "history/{id}/restore",
    answer=Restored,
    parameters=(IF_MATCH_REQUIRED,),
    problems=(404, 409, 412, 422, 428),
)
def restore_version(asked: Asked) -> func.HttpResponse:
    """Makes an older version of the configuration the newest one. Runs nothing, and gives no consent."""
    done, etag = restore(asked.app, asked.caller, asked.id, asked.if_match(required=True) or "")
    return json_answer(done, headers={"ETag": f'"{etag}"'})
