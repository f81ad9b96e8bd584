"""The toy app's timer, Event Grid and queue triggers: each leaves a line in the file that NOTES names."""

import json
import os
import time
from pathlib import Path

import azure.functions as func

blueprint = func.Blueprint()


def note(kind: str, **facts: object) -> None:
    line = json.dumps({"kind": kind, "pid": os.getpid(), **facts}) + "\n"
    handle = os.open(os.environ["NOTES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, line.encode())
    os.close(handle)


@blueprint.timer_trigger(arg_name="timer", schedule="%TOY_SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    note("tick", past_due=timer.past_due, status=timer.schedule_status)
    time.sleep(float(os.environ.get("TOY_TICK_SECONDS", "0")))


@blueprint.event_grid_trigger(arg_name="event")
def blob_event(event: func.EventGridEvent) -> None:
    data = event.get_json()
    if data.get("fail"):
        raise ValueError("this event fails")
    note("event", subject=event.subject, type=event.event_type, topic=event.topic, data=data)


@blueprint.event_grid_trigger(arg_name="event")
def cloud_event(event: func.CloudEvent) -> None:
    note("cloud event", subject=event.subject, type=event.type, source=event.source)


@blueprint.queue_trigger(arg_name="message", queue_name="%TOY_QUEUE%", connection="TOY_STORAGE")
def work(message: func.QueueMessage) -> None:
    order = json.loads(message.get_body())
    note(
        "started",
        order=order,
        dequeue_count=message.dequeue_count,
        id=message.id,
        inserted=str(message.insertion_time),
        pop_receipt=message.pop_receipt,
    )
    if order.get("fail"):
        raise RuntimeError("this order fails")
    deadline = time.monotonic() + order.get("seconds", 0)
    while time.monotonic() < deadline and not ("until" in order and Path(order["until"]).exists()):
        time.sleep(0.02)
    note("finished", order=order, dequeue_count=message.dequeue_count)


@blueprint.queue_trigger(arg_name="message", queue_name="%TOY_QUEUE%-poison", connection="TOY_STORAGE")
async def bury(message: func.QueueMessage) -> None:
    note("poison", order=json.loads(message.get_body()))
