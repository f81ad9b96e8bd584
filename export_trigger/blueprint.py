"""The HTTP API. Function keys let callers in; only health, the call-back from Brevo and the pages go
without.

Each module of routes puts its own on the one blueprint of this folder.
"""

from export_trigger.connection_routes import (
    connect_connection,
    disconnect_connection,
    list_attributes,
    list_connections,
    list_lists,
    remove_connection,
    save_connection,
    show_connection,
)
from export_trigger.entry import blueprint
from export_trigger.export_routes import (
    detach_export,
    duplicate_export,
    list_exports,
    remove_export,
    reset_export,
    save_export,
    show_export,
    why_not_in_list,
)
from export_trigger.pages.entry import pages
from export_trigger.run_routes import (
    cancel_run,
    import_finished,
    list_runs,
    preview_export,
    preview_unsaved,
    show_rejected_rows,
    show_run,
    start_export,
    start_exports,
    start_trial,
    webhook,
)
from export_trigger.service_routes import health, show_audit, show_openapi
from export_trigger.storage_routes import list_history, list_segments, restore_version

__all__ = [
    "blueprint",
    "cancel_run",
    "connect_connection",
    "detach_export",
    "disconnect_connection",
    "duplicate_export",
    "health",
    "import_finished",
    "list_attributes",
    "list_connections",
    "list_exports",
    "list_history",
    "list_lists",
    "list_runs",
    "list_segments",
    "pages",
    "preview_export",
    "preview_unsaved",
    "remove_connection",
    "remove_export",
    "reset_export",
    "restore_version",
    "save_connection",
    "save_export",
    "show_audit",
    "show_connection",
    "show_export",
    "show_openapi",
    "show_rejected_rows",
    "show_run",
    "start_export",
    "start_exports",
    "start_trial",
    "webhook",
    "why_not_in_list",
]
