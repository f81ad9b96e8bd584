"""Sends one notice to one receiver: its form, its secrets, one post."""

from collections.abc import Callable

from shared.config.notifications import Channel, Notification
from shared.notices.formats import slack_message, teams_message, webhook_message
from shared.notices.notice import Notice
from shared.notices.posting import address_parts, post
from shared.notices.signing import signed_headers
from shared.settings import read_secret

_FORMATS: dict[Channel, Callable[[Notice], bytes]] = {
    "teams": teams_message,
    "slack": slack_message,
    "webhook": webhook_message,
}


def send_notice(notification: Notification, notice: Notice, message_id: str, at: float) -> None:
    """Returns once the receiver has accepted it. `at`: POSIX seconds of this try.

    Raises as `post` does, and ConfigurationError where a setting is missing or wrong.
    """
    url = read_secret(notification.url.setting, "receiver's address")
    body = _FORMATS[notification.type](notice)
    headers = {"content-type": "application/json; charset=utf-8", "user-agent": "segment-export"}
    if notification.secret is not None:
        setting = notification.secret.setting
        secret = read_secret(setting, "signing secret")
        headers |= signed_headers(secret, setting, message_id, body, at)
    post(url, notification.url.setting, body, headers)


def check_receiver(notification: Notification) -> None:
    """Posts nothing. Raises ConfigurationError where a setting is missing, or holds no address or signing secret."""
    address_parts(read_secret(notification.url.setting, "receiver's address"), notification.url.setting)
    if notification.secret is not None:
        setting = notification.secret.setting
        signed_headers(read_secret(setting, "signing secret"), setting, "", b"", 0)
