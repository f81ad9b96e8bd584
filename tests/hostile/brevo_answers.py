"""Nasty answers of Brevo, which belong to the table of nasty inputs."""

from tests.hostile.inputs import DEEP

# Status and body.
ANSWERS: list[tuple[int, bytes]] = [
    *(
        (status, b"")
        for status in (
            100,
            200,
            202,
            204,
            301,
            302,
            304,
            400,
            401,
            402,
            403,
            404,
            405,
            408,
            409,
            413,
            418,
            429,
            500,
            503,
            524,
            599,
            999,
        )
    ),
    *(
        (200, body)
        for body in (
            b"\x00",
            b"\xff",
            b"null",
            b"[]",
            b"1",
            b'"x"',
            b"{",
            b"{}",
            b"NaN",
            b"1e999",
            b"9" * 5000,
            DEEP.encode(),
            b'{"a":' * 20_000,
            b"<html>",
        )
    ),
    *(
        (401, body)
        for body in (
            b"[]",
            b'{"message":5}',
            b'{"message":null}',
            b'{"message":"ip address"}',
            b'{"code":["x"]}',
            DEEP.encode(),
        )
    ),
    (200, b'{"id":"x","name":5}'),
    (200, b'{"id":12,"name":"a\\nb"}'),
    (200, b'{"id":12,"name":"\\ud800"}'),
    (200, b'{"attributes":null}'),
    (200, b'{"attributes":[{"name":"\\u0130"},{"name":""},{"name":"A","category":null}]}'),
    (200, b'{"attributes":[{"name":"A","category":"\\ud800"}]}'),
    (200, b'{"plan":[{"type":"a\\nb","credits":1e400}]}'),
    (200, b'{"plan":[{"credits":NaN}]}'),
    (200, b'{"plan":{}}'),
    (202, b'{"processId":null}'),
    (202, b'{"processId":"78"}'),
    (202, b'{"processId":1.5}'),
    (202, b'{"processId":-1}'),
    (202, b'{"processId":1e30}'),
    (202, b'{"processId":true}'),
    (202, b'{"processId":99999999999999999999999}'),
    (200, b'{"processes":null}'),
    (200, b'{"processes":{}}'),
    (200, b'{"processes":[null,5,"x",[],{}]}'),
    (200, b'{"processes":[{"id":78}]}'),
    (200, b'{"processes":[{"id":78,"status":5}]}'),
    (200, b'{"processes":[{"id":true,"status":"completed"}]}'),
    (200, b'{"processes":[{"id":78,"status":"completed","info":5}]}'),
    (200, b'{"processes":[{"id":78,"status":"completed","info":{"import":[1]}}]}'),
    (200, b'{"processes":[{"id":78,"status":"completed","info":{"import":{"invalid_emails":[[[[1]]]]}}}]}'),
    (200, b'{"processes":[{"id":78,"status":"completed","info":{"import":{"invalid_emails":1e999}}}]}'),
    (200, b'{"processes":[{"id":78,"status":"completed","info":{"import":{"invalid_emails":"\\ud800"}}}]}'),
    (
        200,
        b'{"processes":[{"id":78,"status":"completed","info":{"import":{"invalid_emails":'
        + b"[" * 900
        + b"]" * 900
        + b"}}}]}",
    ),
    (200, b'{"processes":[' + b",".join([b'{"id":1,"status":"queued"}'] * 5000) + b"]}"),
]
