"""The product's version, once: pyproject.toml, the terminal, the API, telemetry and the release read it from here.

`importlib.metadata` does not know it on Azure, where the app is deployed as files and not installed as a package.
"""

VERSION = "0.1.0"
