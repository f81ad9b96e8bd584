"""A function app with every kind of trigger that the host has, for its tests."""

import json
import logging
import os
import time

import azure.functions as func
from triggers import blueprint

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
app.register_functions(blueprint)


@app.route(route="echo/{word}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest) -> func.HttpResponse:
    facts = {
        "method": req.method,
        "url": req.url,
        "word": req.route_params.get("word"),
        "params": dict(req.params),
        "encoding": req.headers.get("Transfer-Encoding"),
        "principal": req.headers.get("X-MS-CLIENT-PRINCIPAL"),
        "body": req.get_body().decode(),
    }
    headers = {"X-Toy": "yes", "Content-Type": "application/json"}
    return func.HttpResponse(json.dumps(facts), status_code=203, headers=headers)


@app.route(route="echo/fixed", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
def fixed(req: func.HttpRequest) -> str:
    return "never reached: the host tries echo first"


@app.route(route="numbers/{number:int:min(10)}/{rest?}", auth_level=func.AuthLevel.ANONYMOUS)
async def numbers(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("async function at work")
    return func.HttpResponse(json.dumps(dict(req.route_params)))


@app.route(route="files/{*path}", auth_level=func.AuthLevel.ANONYMOUS)
def files(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(req.route_params["path"])
    response.headers["Set-Cookie"] = "seen=1; Path=/; HttpOnly; SameSite=Strict; Max-Age=60"
    return response


@app.route(methods=["GET"])
def for_functions(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(bytes([0, 255]), mimetype="application/octet-stream")


@app.route(route="for-admins", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def for_admins(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(status_code=204)


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    logging.warning("about to break")
    print("printed by a function")  # noqa: T201
    raise RuntimeError("the function broke")


@app.route(route="slow", auth_level=func.AuthLevel.ANONYMOUS)
def slow(req: func.HttpRequest) -> func.HttpResponse:
    time.sleep(float(req.params["seconds"]))
    return func.HttpResponse(str(os.getpid()))
