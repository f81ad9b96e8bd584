"""The HTTP API. Function keys let callers in; only health and the call-back from Brevo go without.

Each module of routes puts its own on the one blueprint of this folder.
"""

from export_trigger import connection_routes, export_routes, run_routes, service_routes
from export_trigger.entry import blueprint

__all__ = ["blueprint", "connection_routes", "export_routes", "run_routes", "service_routes"]
