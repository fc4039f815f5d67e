"""gunicorn for a container or a service: several processes, a few threads each, ended in order."""

import os

bind = os.environ.get("BIND", "0.0.0.0:6543")
# One process a core is enough; a thread waits for the database most of its time.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
threads = int(os.environ.get("WEB_THREADS", "8"))
# Seconds that requests in flight have at SIGTERM.
graceful_timeout = 25
timeout = 60
# Restarted now and then, not all at once, so that nothing can pile up.
max_requests = 100_000
max_requests_jitter = 10_000
# No file is touched as a sign of life: containers' disks are slow.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
limit_request_line = 8190
limit_request_fields = 100
