"""The views: what comes in, to the service, and what goes out."""
