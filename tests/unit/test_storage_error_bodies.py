"""Error answers of storage by way of proxies and gateways: their status counts, whatever their bodies lack."""

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from shared.errors import ConfigurationError, PermanentError, TransientError
from shared.settings import read_settings
from shared.storage.account import Storage, open_storage
from shared.storage.failures import Conflict, NotFound, storage_failures
from shared.storage.tables import Change, Row
from tests.sizes import thinned

XML = "<?xml version='1.0' encoding='utf-8'?>"
BODIES = {
    "nothing": ("application/xml", ""),
    "XML without a message": ("application/xml", f"{XML}<Error><Code>Odd</Code></Error>"),
    "XML with an empty message": ("application/xml", f"{XML}<Error><Code>Odd</Code><Message/></Error>"),
    "XML of another kind": ("application/xml", f"{XML}<html><body>Bad gateway</body></html>"),
    "XML that is cut": ("application/xml", f"{XML}<Error><Code>Od"),
    "HTML": ("text/html", "<html><body>Bad gateway<br></body></html>"),
    "text": ("text/plain", "upstream connect error"),
    "JSON without a message": ("application/json", '{"error": {"code": "Odd"}}'),
    "JSON with a text": ("application/json", '{"error": "Odd"}'),
    "OData without a message": ("application/json", '{"odata.error": {"code": "Odd"}}'),
    "OData whose message is a text": ("application/json", '{"odata.error": {"code": "Odd", "message": "Odd"}}'),
    "OData whose message is null": ("application/json", '{"odata.error": {"code": "Odd", "message": null}}'),
    "OData that is a text": ("application/json", '{"odata.error": "Odd"}'),
    "OData that is null": ("application/json", '{"odata.error": null}'),
    "JSON of another kind": ("application/json", "[1]"),
    "a number": ("application/json", "5"),
}
STATUS_DROPPED = ("OData whose message is a text", "OData whose message is null", "OData that is null")
STATUSES: dict[int, type[Exception]] = {
    400: TransientError,
    401: ConfigurationError,
    403: ConfigurationError,
    404: TransientError,
    407: TransientError,
    409: Conflict,
    412: Conflict,
    429: TransientError,
    500: TransientError,
    502: TransientError,
    503: TransientError,
}
ROW = Row("p", "k", {"n": 1}, '"1"')
CALLS: dict[str, Callable[[Storage], object]] = {
    "blob read": lambda storage: storage.app_blobs.read("c", "b"),
    "blob in chunks": lambda storage: list(storage.app_blobs.chunks("c", "b", '"1"')),
    "blob listing": lambda storage: storage.app_blobs.listing("c", ""),
    "blob write": lambda storage: storage.app_blobs.write("c", "b", b"x"),
    "row read": lambda storage: storage.runs.get("p", "k"),
    "rows read": lambda storage: list(storage.runs.query("p")),
    "row replaced": lambda storage: storage.runs.replace(ROW),
    "row put": lambda storage: storage.runs.put(ROW),
    "row deleted": lambda storage: storage.runs.delete(ROW),
    "transaction": lambda storage: storage.runs.transact([Change("put", ROW), Change("insert", Row("p", "l"))]),
    "message sent": lambda storage: storage.queue.send("x"),
    "message received": lambda storage: storage.queue.receive(30),
    "messages counted": lambda storage: storage.queue.count(),
}


class Proxy(ThreadingHTTPServer):
    """Gives one answer to whatever it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.status, self.kind, self.body, self.code = 500, "", b"", ""
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a small answer in two parts waits 40 ms otherwise
    server: Proxy

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.kind)
        self.send_header("Content-Length", str(len(self.server.body)))
        if self.server.code:
            self.send_header("x-ms-error-code", self.server.code)
        self.end_headers()
        self.wfile.write(self.server.body)

    do_GET = do_PUT = do_POST = do_DELETE = do_MERGE = do_PATCH = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    server = Proxy()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def storage(proxy: Proxy) -> Iterator[Storage]:
    """Storage behind the proxy, with clients that do not try again: that is the SDK's part, and takes its time."""
    from azure.storage.blob import ExponentialRetry
    from azure.storage.queue import ExponentialRetry as QueueRetry

    address = f"http://127.0.0.1:{proxy.server_address[1]}/app"
    endpoints = ";".join(f"{kind}Endpoint={address}" for kind in ("Blob", "Queue", "Table"))
    settings = read_settings({"AzureWebJobsStorage": f"AccountName=app;AccountKey=c2VjcmV0;{endpoints}"})
    with pytest.MonkeyPatch.context() as patch:
        for policy in (ExponentialRetry, QueueRetry):
            patch.setattr(policy, "increment", lambda *_, **__: False)
        patch.setattr("shared.storage.account.RETRIES", {"retry_total": 0})
        yield open_storage(settings)


@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
@pytest.mark.parametrize("call", thinned(CALLS.values(), 3), ids=CALLS)
@pytest.mark.parametrize("name", thinned(BODIES, 3))
def test_error_answer_without_a_message_is_read_by_its_status(storage, proxy, name, call):
    # Every third status, from another one on for each body that `make test` takes: each call meets all of them.
    check_statuses(storage, proxy, name, call, [*STATUSES][list(BODIES).index(name) // 3 % 3 :: 3])


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:Testing an element's truth value:DeprecationWarning")
def test_error_answer_without_a_message_is_read_by_each_status_with_each_body(storage, proxy):
    for name, call in itertools.product(BODIES, CALLS.values()):
        check_statuses(storage, proxy, name, call, STATUSES)


def check_statuses(
    storage: Storage, proxy: Proxy, name: str, call: Callable[[Storage], object], statuses: Iterable[int]
) -> None:
    proxy.kind, proxy.body = BODIES[name][0], BODIES[name][1].encode()
    for status in statuses:
        if status == 404 and call is CALLS["row deleted"]:
            continue  # the SDK itself takes each 404 for a row that is gone
        proxy.status = status
        # The SDK drops the status of a transaction's answer with such a body: trying again is right for each.
        dropped = call is CALLS["transaction"] and name in STATUS_DROPPED
        with pytest.raises(TransientError if dropped else STATUSES[status]):
            call(storage)


@pytest.mark.parametrize("name", thinned(["nothing", "XML without a message", "HTML"], 1))
def test_answer_of_storage_itself_says_what_is_not_there_and_what_it_refuses(storage, proxy, monkeypatch, name):
    monkeypatch.setattr(proxy, "code", "Odd")
    proxy.kind, proxy.body = BODIES[name][0], BODIES[name][1].encode()
    proxy.status = 404
    assert storage.runs.get("p", "k") is None
    assert storage.app_blobs.listing_if_there("c", "") == []
    with pytest.raises(NotFound):
        storage.app_blobs.read("c", "b")
    proxy.status = 400
    for call in (CALLS["blob read"], CALLS["row read"], CALLS["message received"]):
        with pytest.raises(PermanentError, match="status 400"):
            call(storage)


def test_message_that_somebody_else_has_taken_is_known_by_the_header_alone(storage, proxy, monkeypatch):
    monkeypatch.setattr(proxy, "code", "PopReceiptMismatch")
    proxy.status, (proxy.kind, text) = 400, BODIES["XML without a message"]
    proxy.body = text.encode()
    with pytest.raises(Conflict):
        storage.queue.count()


@pytest.mark.parametrize("call", [CALLS[name] for name in ("blob listing", "message received", "messages counted")])
@pytest.mark.parametrize("body", ["<html><body>Sign in<br>", f"{XML}<Enum"], ids=["HTML", "cut"])
def test_page_with_status_200_in_place_of_an_answer_is_tried_again(storage, proxy, body, call):
    proxy.status, proxy.kind, proxy.body = 200, "application/xml", body.encode()
    with pytest.raises(TransientError):
        call(storage)


@pytest.mark.parametrize("error", [TypeError("ours"), AttributeError("ours"), KeyError("ours")], ids=repr)
@pytest.mark.parametrize("before", [None, NotFound("x"), ValueError("x")], ids=repr)
def test_fault_of_our_own_stays_what_it_is(error, before):
    def fail() -> None:
        if before is None:
            raise error
        try:
            raise before
        except (NotFound, ValueError):
            raise error  # noqa: B904 - its context is what is tested

    with pytest.raises(type(error), match="ours"), storage_failures("table runs"):
        fail()
