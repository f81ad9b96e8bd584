"""The Functions host: it hands each message to one process at a time, and gives up what keeps failing.

The figures are those of the real listener with our host.json: one message at a time, hidden for 600 seconds from its
taking or last renewal, back after some twelve seconds where the function throws, given up at the tenth time.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.app import App
from shared.errors import ExportError, UnforeseenError
from shared.notices.tell import abandon_notice, take_notice
from shared.runs.steps.dispatch import abandon, take_step
from shared.storage.failures import Conflict, NotFound
from simulation.faults import Faults
from simulation.queues import Message
from simulation.scheduler import Process, Scheduler

LEASE_SECONDS = 600.0
RENEWAL_SECONDS = 300.0
TIMER_SECONDS = 300.0
MOST_TRIES = 10
_SHORTEST_BACK, _LONGEST_BACK = 11.7, 14.4
_LONGEST_POLL = 2.0

Function = Callable[[App, str], None]


@dataclass(eq=False)
class Instance:
    """A process and the app that runs in it."""

    process: Process
    app: App
    number: int
    busy: set[str] = field(default_factory=set)


class Listener:
    """One queue's listeners, in all instances."""

    def __init__(self, host: "Host", name: str, messages: list[Message], function: Function, poison: bool) -> None:
        self._host, self.name, self.messages, self._function = host, name, messages, function
        self._is_poison = poison
        self.poison: Listener | None = None

    def arrived(self, message: Message) -> None:
        """A message is there, or is to be seen again: somebody looks when its time has come."""
        host = self._host
        late = host.faults.between(0.0, _LONGEST_POLL) if message.visible_at > host.scheduler.now + 1 else 0.05
        host.scheduler.at(message.visible_at + late, self.look)

    def look(self) -> None:
        """Whoever is idle takes a message that can be seen."""
        host = self._host
        now = host.scheduler.now
        due = [each for each in self.messages if each.visible_at <= now]
        if not due:
            return
        if host.faults.outages and host.faults.is_away("queues", now):
            host.scheduler.after(1.5, self.look)
            return
        idle = [each for each in host.instances if self.name not in each.busy and not each.process.stopping]
        idle = [each for each in idle if each.process.frozen_until <= now]
        if idle:
            due.sort(key=lambda each: (each.visible_at, each.number))
            at = 1 if len(due) > 1 and host.chance.random() < host.reorder_share else 0
            self._take(idle[host.chance.randrange(len(idle))], due[at])
            if len(due) > 1:
                host.scheduler.after(0.03, self.look)

    def _take(self, instance: Instance, message: Message) -> None:
        host = self._host
        message.visible_at = host.scheduler.now + LEASE_SECONDS
        message.dequeue_count += 1
        instance.busy.add(self.name)
        taken = message.dequeue_count
        host.log(f"{instance.process.name} takes {self.name} {message.text}")
        task = host.scheduler.spawn(
            instance.process, f"{instance.process.name} {self.name}", lambda: self._work(instance, message, taken)
        )

        def renew() -> None:
            if task.done or instance.process.dead or message.dequeue_count != taken:
                self.arrived(message)
                return
            if instance.process.frozen_until <= host.scheduler.now:
                message.visible_at = host.scheduler.now + LEASE_SECONDS
            host.scheduler.after(RENEWAL_SECONDS, renew)

        host.scheduler.after(RENEWAL_SECONDS, renew)

    def _work(self, instance: Instance, message: Message, taken: int) -> None:
        host = self._host
        failure = host.attempt(instance, lambda: self._function(instance.app, message.text))
        host.scheduler.sleep(host.faults.latency())
        self._done(message, taken, failure)
        instance.busy.discard(self.name)
        host.scheduler.after(0.03, self.look)

    def _done(self, message: Message, taken: int, failure: str) -> None:
        host = self._host
        if message not in self.messages or message.dequeue_count != taken:
            return  # somebody else has it by now
        if host.faults.outages and host.faults.is_away("queues", host.scheduler.now):
            return  # it is delivered again when its lease has ended
        if not failure:
            self.messages.remove(message)
            return
        host.log(f"{self.name} failed: {failure}")
        if message.dequeue_count >= MOST_TRIES and not self._is_poison:
            self.messages.remove(message)
            self._give_up(message)
            return
        back = host.faults.between(_SHORTEST_BACK, _LONGEST_BACK) if not self._is_poison else LEASE_SECONDS
        message.visible_at = host.scheduler.now + back
        self.arrived(message)

    def _give_up(self, message: Message) -> None:
        if self.poison is not None:
            given_up = Message(message.text, self._host.scheduler.now, message.number)
            self.poison.messages.append(given_up)
            self.poison.arrived(given_up)


class Host:
    """All instances, and the queues that they listen to."""

    def __init__(
        self,
        scheduler: Scheduler,
        faults: Faults,
        chance: random.Random,
        reorder_share: float,
        log: Callable[[str], None],
        unforeseen: Callable[[str], None],
    ) -> None:
        self.scheduler, self.faults, self.chance, self.log = scheduler, faults, chance, log
        self.reorder_share = reorder_share
        self.instances: list[Instance] = []
        self._unforeseen = unforeseen
        self.listeners: list[Listener] = []

    def listen(self, steps: list[Message], notices: list[Message], poison: list[Message]) -> None:
        """Opens the four queues."""
        for name, messages, function, given_up, kept in (
            ("step", steps, take_step, abandon, poison),
            ("notice", notices, take_notice, abandon_notice, []),
        ):
            listener = Listener(self, name, messages, function, poison=False)
            listener.poison = Listener(self, f"{name}-poison", kept, given_up, poison=True)
            self.listeners += (listener, listener.poison)

    def sent(self, messages: list[Message], message: Message) -> None:
        """A message was sent."""
        next(each for each in self.listeners if each.messages is messages).arrived(message)

    def live(self) -> list[Instance]:
        """The instances that can take a request."""
        return [each for each in self.instances if not each.process.dead and not each.process.stopping]

    def attempt(self, instance: Instance, act: Callable[[], object]) -> str:
        """What went wrong, in a word; empty where nothing did."""
        try:
            act()
        except UnforeseenError as error:
            self._unforeseen(str(error))
            return "unforeseen"
        except ExportError as error:
            return error.code
        except (Conflict, NotFound) as error:
            return type(error).__name__
        except Exception as error:  # noqa: BLE001 - what a function raises is what is to be found
            self._unforeseen(f"{instance.process.name}: {error!r}")
            return "unforeseen"
        return ""

    def request(
        self, what: str, act: Callable[[App], object], failed: Callable[[], None] = lambda: None
    ) -> Process | None:
        """An HTTP request, an event or a tick, at any instance; `failed` where it was not answered well.

        Returns the instance's process.
        """
        live = self.live()
        if not live:
            failed()
            return None
        instance = live[self.chance.randrange(len(live))]

        def work() -> None:
            self.log(f"{instance.process.name} {what}")
            if self.attempt(instance, lambda: act(instance.app)):
                failed()

        self.scheduler.spawn(instance.process, f"{instance.process.name} {what}", work)
        return instance.process
