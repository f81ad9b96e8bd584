"""The queues' messages: each is one step of one run, or a notice of a run's end."""

import azure.functions as func

from shared.app import open_worker_app
from shared.errors import by_place
from shared.runs.steps.dispatch import abandon, take_step

blueprint = func.Blueprint()


@blueprint.queue_trigger(arg_name="message", queue_name="run-steps", connection="AzureWebJobsStorage")
def export_worker(message: func.QueueMessage) -> None:
    """Takes the step. An error that nobody foresaw is raised, so that the host tries again."""
    with by_place("queue run-steps"):
        take_step(open_worker_app(), message.get_body())


@blueprint.queue_trigger(arg_name="message", queue_name="run-steps-poison", connection="AzureWebJobsStorage")
def export_poison(message: func.QueueMessage) -> None:
    """Ends the run of a message that the host has given up."""
    with by_place("queue run-steps-poison"):
        abandon(open_worker_app(), message.get_body())


@blueprint.queue_trigger(arg_name="message", queue_name="notices", connection="AzureWebJobsStorage")
def export_notices(message: func.QueueMessage) -> None:
    """Tells somebody how a run has ended."""
    # Loaded here, in the one function that needs it: not at a cold start.
    from shared.notices.tell import take_notice

    with by_place("queue notices"):
        take_notice(open_worker_app(), message.get_body())


@blueprint.queue_trigger(arg_name="message", queue_name="notices-poison", connection="AzureWebJobsStorage")
def export_notices_poison(message: func.QueueMessage) -> None:
    """Sends a notice that the host has given up again, for some hours."""
    from shared.notices.tell import abandon_notice

    with by_place("queue notices-poison"):
        abandon_notice(open_worker_app(), message.get_body())
