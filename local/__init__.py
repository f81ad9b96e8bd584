"""One-machine stand-ins for development, the demo and the tests. The product never imports this package."""
