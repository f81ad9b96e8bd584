"""What every trigger shares; knows nothing of triggers, of Azure Functions or of the local stand-ins."""
