"""Who gets a message of a run's end: the notifications of the JSON document."""

from typing import Annotated, Literal, Self, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from shared.config.base import Id, Model, SettingReference, Share, not_raw, word_or_object

Channel = Literal["teams", "slack", "webhook"]
Event = Literal["failed", "guard", "held", "expired", "rejections", "recovered"]
EVENTS: tuple[Event, ...] = get_args(Event)


class Notification(Model):
    """One receiver, what it gets, and of which exports.

    The address is a secret too: anyone who has that of a Teams workflow or a Slack webhook can post there.
    """

    id: Id
    type: Channel
    url: Annotated[SettingReference, BeforeValidator(not_raw("address"))]
    secret: Annotated[SettingReference | None, BeforeValidator(not_raw("secret"))] = Field(
        default=None, description="For a webhook: the setting with the secret that its messages are signed with."
    )
    on: list[Event] = Field(default=list(EVENTS), min_length=1, max_length=10)
    rejected_share: Share = Field(
        default=0.05, description="A run that succeeded is told of when more than this share of its rows is rejected."
    )
    exports: Annotated[
        Annotated[Literal["all"], Tag("a word")] | Annotated[list[Id], Field(max_length=5_000), Tag("an object")],
        Discriminator(word_or_object),
    ] = "all"

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.type == "webhook" and self.secret is None:
            raise ValueError('a webhook takes a secret: {"setting": "NAME"} of the setting that holds it')
        if self.type != "webhook" and self.secret is not None:
            raise ValueError(f"{self.type} takes no secret: only a webhook's messages are signed")
        for names in (self.on, self.exports if self.exports != "all" else []):
            if len(set(names)) != len(names):
                raise ValueError("on and exports name each event and export once")
        return self

    def is_for(self, export_id: str) -> bool:
        """True where it is for this export."""
        return self.exports == "all" or export_id in self.exports
