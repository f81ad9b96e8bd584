"""Azure Storage: the only place that meets its answers and turns them into our errors."""
