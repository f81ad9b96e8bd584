"""The functions that routes.json lists, each answering with its name and its route's parameters."""

import json
from pathlib import Path

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def add(name: str, route: str, methods: list[str]) -> None:
    def answer(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse(json.dumps([name, dict(req.route_params)]))

    answer.__name__ = name
    app.route(route=route, methods=methods or None)(answer)


for each in json.loads((Path(__file__).parent.parent / "routes.json").read_text(encoding="utf-8"))["functions"]:
    add(**each)
