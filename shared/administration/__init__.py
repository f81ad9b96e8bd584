"""What people do with connections, exports and runs: one operation each, the same for the API and the terminal."""
