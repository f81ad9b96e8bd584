"""The Azure Functions app: one blueprint for each way in."""

import azure.functions as func

from blob_export.blueprint import blueprint as blob_export
from export_trigger.blueprint import blueprint as export_trigger
from export_worker.blueprint import blueprint as export_worker
from timer_export.blueprint import blueprint as timer_export

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
for part in (export_trigger, timer_export, blob_export, export_worker):
    app.register_functions(part)
