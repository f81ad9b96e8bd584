"""The Azure Functions app: one blueprint for each way in."""

import logging

import azure.functions as func

from blob_export.blueprint import blueprint as blob_export
from export_trigger.blueprint import blueprint as export_trigger
from export_worker.blueprint import blueprint as export_worker
from timer_export.blueprint import blueprint as timer_export

# The SDKs tell of each request at INFO, a dozen lines for every row and lease: more than all the app's own logs.
for sdk in ("azure.core", "azure.identity"):
    logging.getLogger(sdk).setLevel(logging.WARNING)

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for part in (export_trigger, timer_export, blob_export, export_worker):
    app.register_functions(part)
