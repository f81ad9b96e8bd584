"""HTTP trigger: the API, the webhook, and the call-back from Brevo."""
