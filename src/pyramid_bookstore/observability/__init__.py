"""Request log, metrics, health and readiness, and the request's id in the logs."""
