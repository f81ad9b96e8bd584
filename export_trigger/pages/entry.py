"""The one function behind all pages. What draws them is loaded with the first page: the API does not wait for it."""

import azure.functions as func

from export_trigger.entry import blueprint


# Anybody reaches it: who may see what is decided by the platform's sign-in, as `shared.access` reads it.
@blueprint.route("pages/{*path}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def pages(req: func.HttpRequest) -> func.HttpResponse:
    """Connections, exports, plans, runs and persons, for people in a browser."""
    from export_trigger.pages.site import answer

    return answer(req)
