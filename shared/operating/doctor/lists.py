"""The doctor's checks of the exports' lists at Brevo: their own, and those whose members are not sent."""

from collections.abc import Callable

from shared.app import App
from shared.brevo.checks import check_excluded_list, check_list, check_members_askable
from shared.brevo.client import BrevoClient
from shared.brevo.probed import probed_export
from shared.config.document import ReadyExport
from shared.operating.doctor.finding import Look


class Lists:
    """The lists of all exports: each is asked for once, and each account once whether it says who is in one."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._names: dict[tuple[str, int], str] = {}
        self._exporting: set[str] = set()

    def own(self, ready: ReadyExport) -> Look:
        """The export's list and its name."""
        list_id = ready.export.list_id
        return "ok", f"{list_id}, {self._name(ready.key_setting, list_id, check_list)}.", ""

    def excluded(self, ready: ReadyExport) -> Look | None:
        """The lists whose members are not sent. Where leavers are asked, their connection's line says who may ask."""
        lists = ready.export.exclude.list_ids
        for list_id in lists:
            self._name(ready.key_setting, list_id, check_excluded_list)
        if lists and probed_export(self._app.storage.accounts, ready).connection.leavers == "not_asked":
            self._check_exporting(ready.key_setting)
        return ("ok", f"They are there: {', '.join(map(str, lists))}.", "") if lists else None

    def _name(self, key_setting: str, list_id: int, check: Callable[[BrevoClient, int], str]) -> str:
        place = (key_setting, list_id)
        if place not in self._names:
            self._names[place] = check(self._app.brevo(key_setting), list_id)
        return self._names[place]

    def _check_exporting(self, key_setting: str) -> None:
        if key_setting not in self._exporting:
            check_members_askable(self._app.brevo(key_setting))
            self._exporting.add(key_setting)
