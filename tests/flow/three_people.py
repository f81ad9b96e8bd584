"""Rows of three people, and the contacts that they become."""

HEAD = "CustomerId,EMail,FirstName\n"
ANA = "C-1,ana@example.com,Ana\n"
ION = "C-2,ion@example.com,Ion\n"
EVA = "C-3,eva@example.com,Eva\n"
ALL_THREE = {
    "ana@example.com": {"FIRSTNAME": "Ana"},
    "ion@example.com": {"FIRSTNAME": "Ion"},
    "eva@example.com": {"FIRSTNAME": "Eva"},
}
WITHOUT_ION = {email: values for email, values in ALL_THREE.items() if email != "ion@example.com"}
