"""The pages: connect, export, plan, run and see in a browser, below `/api/pages/`, by the operations of the API."""
