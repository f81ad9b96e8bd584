"""Examples for the OpenAPI document, by the name of the operation. A test checks them against its schemas."""

from typing import Any

from shared.version import VERSION

_CONNECTION = {
    "type": "brevo",
    "display_name": "Brevo, EU marketing",
    "api_key": {"setting": "BREVO_API_KEY"},
    "available_to": ["administrator", "contributor"],
}
_EXPORT = {
    "display_name": "High-value customers",
    "connection": "brevo-eu",
    "list_id": 12,
    "source": {"container": "segments", "folder": "CustomerInsights_abcd1234/BlobExport"},
    "segments": ["HighValueSegment", "LapsedCustomers"],
    "mapping": {
        "email": "EMail",
        "first_name": "FirstName",
        "last_name": "LastName",
        "phone": "Telephone",
        "attributes": {"CITY": "City", "BIRTHDAY": {"field": "BirthDate", "type": "date"}},
    },
    "default_country": "RO",
    "schedule": "with_refresh",
}
_RUN = "high-value-20261124T050312-a1b2c3"
_STARTED = {
    "export": "high-value",
    "run_id": _RUN,
    "is_new": True,
    "reason": None,
    "status_url": f"/api/runs/{_RUN}",
}
_VERSION = "20261124T050312.123456-a1b2c3"
_SEGMENT = {
    "container": "segments",
    "folder": "CustomerInsights_abcd1234/BlobExport",
    "segment": "HighValueSegment",
    "snapshot": "2026-11-24T0500-1a2b3c4d",
    "written_at": "2026-11-24T05:01:10+00:00",
    "files": 2,
    "bytes": 1_520_000,
    "rows": 20_000,
    "columns": ["CustomerId", "EMail", "FirstName", "City"],
    "proposed_mapping": {
        "email": "EMail",
        "first_name": "FirstName",
        "last_name": None,
        "phone": None,
        "attributes": {"CITY": "City"},
    },
    "exports": ["high-value"],
    "problem": None,
}

BODIES: dict[str, Any] = {
    "save_connection": _CONNECTION,
    "connect_connection": {"consent": {"agreed_by": "Ana Ionescu, data protection"}},
    "save_export": _EXPORT,
    "preview_unsaved": _EXPORT,
    "duplicate_export": {"id": "high-value-copy", "display_name": "High-value customers, second list"},
    "start_export": {"now": False, "accept": False},
    "start_exports": {"exports": "all"},
    "start_trial": {"list_id": 99, "customers": 20},
    "verify_export": {"repair": False},
    "detach_export": {"members": "stay"},
    "why_not_in_list": {"email": "customer@example.com"},
    "webhook": {"segment": "HighValueSegment"},
}

ANSWERS: dict[str, Any] = {
    "list_connections": [{"id": "brevo-eu", "type": "brevo", "display_name": "Brevo, EU marketing"}],
    "connect_connection": {
        "connection": "brevo-eu",
        "connected": False,
        "steps": [
            {
                "step": "key found",
                "ok": False,
                "message": "The setting BREVO_API_KEY is not set.",
                "code": "setting_missing",
            }
        ],
    },
    "disconnect_connection": {
        "connection": "brevo-eu",
        "was_connected": True,
        "exports": ["high-value"],
        "runs": [_RUN],
    },
    "list_lists": [{"id": 12, "name": "High-value customers", "folder_id": 1, "contacts": 35_552}],
    "list_attributes": [{"name": "LOYALTY_TIER", "type": "category", "options": ["Silver", "Gold", "1", "2"]}],
    "list_segments": [_SEGMENT],
    "restore_version": {
        "version": _VERSION,
        "connections": 1,
        "exports": 1,
        "taken_back": ["export high-value: is as it was (schedule)", "export silver: is gone"],
        "consent_missing": [],
        "notes": ["silver: the 1,250 contacts that it has put into list 14 stay there"],
    },
    "reset_export": {"export": "high-value", "was_kept": True},
    "start_export": _STARTED,
    "start_exports": [_STARTED],
    "start_trial": _STARTED,
    "verify_export": _STARTED,
    "why_not_in_list": {
        "export": "high-value",
        "list_id": 12,
        "verdict": "left_list",
        "reason": None,
        "sentence": "The person has left list 12, and nobody is put back who has left.",
        "evidence": [
            "Newest snapshot (HighValueSegment 2026/11/24/0500): segment HighValueSegment, file HighValueSegment_1.csv,"
            " line 2, customer C-10023: a run sends this row.",
            "Brevo has contact 17, not in list 12; has left list 12.",
        ],
        "advice": "Nothing: they do not want it. They can sign up again themselves.",
    },
    "show_audit": [
        {
            "at": "2026-11-24T05:03:12.000+00:00",
            "who": "function key",
            "what": "run export",
            "target": "high-value",
            "detail": _RUN,
        }
    ],
    "health": {"status": "ok", "version": VERSION},
}
