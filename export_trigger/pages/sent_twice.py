"""Forms that are sent twice, by a second click or a page that is loaded again: they act once, and lead to the same."""

from collections.abc import Callable, Sequence

from shared.administration.items import item_etag
from shared.config.models import Connection, Export
from shared.errors import ConfigurationError

# What a decision is refused by that has been made already.
_MADE = {
    "already_there",
    "changed_meanwhile",
    "connection_unknown",
    "export_unknown",
    "run_active",
    "run_final",
    "run_not_held",
}


def do_once(act: Callable[[], str], made: Callable[[], str | None]) -> str:
    """Where what is done leads to; where it is refused since the same form has done it already, where that has led.

    `made` gives that, None where it is not so. Raises as `act`.
    """
    try:
        return act()
    except ConfigurationError as error:
        if error.code in _MADE and (to := made()):
            return to
        raise


def save_once[Item: (Connection, Export)](
    new: Item,
    expected: str | None,
    known: Callable[[], Sequence[Item]],
    save: Callable[[], Item],
    *,
    any_id: bool = False,
) -> Item:
    """What is saved; where the same form has saved it already, by an older ETag or none, what is there.

    `known` gives what is there now; `any_id`: nobody typed an id, so that it may be there under another. Raises as
    `save`.
    """

    def there() -> Item | None:
        alike = (each for each in known() if any_id or each.id == new.id)
        return next((each for each in alike if item_etag(each) != expected and _is_alike(new, each)), None)

    if found := there():
        return found
    try:
        return save()
    except ConfigurationError:
        if found := there():  # the other one was faster
            return found
        raise


def _is_alike[Item: (Connection, Export)](new: Item, there: Item) -> bool:
    return item_etag(new.model_copy(update={"id": there.id})) == item_etag(there)
