"""gunicorn for a container or a service: several processes, a few threads each, ended in order."""

import os
import socket
from pathlib import Path

bind = os.environ.get("BIND", "0.0.0.0:6543")
# One process a core is enough; a thread waits for the database most of its time.
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
# No more than the pool has connections (bookstore.sqlalchemy.pool_size), or they wait for those.
threads = int(os.environ.get("WEB_THREADS", "8"))
# Seconds that requests in flight have at SIGTERM; below what waits for us (Docker, Kubernetes).
graceful_timeout = 25
# Seconds without a sign of life from a process until it is replaced; threads go on giving it
# while they serve a long export.
timeout = 60
# Above the keepalive timeout of the proxy in front, so that it does not send into a closing one.
keepalive = 75
# Restarted now and then, not all at once, so that nothing can pile up.
max_requests = 100_000
max_requests_jitter = 10_000
# No file is touched as a sign of life: containers' disks are slow.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None
# Nobody steers it from outside, and the file system may be read-only.
control_socket_disable = True
limit_request_line = 8190
limit_request_fields = 100

# With bookstore.metrics = true, the processes share their numbers in this folder.
_METRICS = os.environ.get("PROMETHEUS_MULTIPROC_DIR")


def when_ready(server):
    """Have the kernel cut off clients that take nothing of their answer for half a minute: each
    export that is not read would hold a thread for good. Linux only."""
    option = getattr(socket, "TCP_USER_TIMEOUT", None)
    for listener in server.LISTENERS if option is not None else ():
        listener.sock.setsockopt(socket.IPPROTO_TCP, option, 30_000)


def on_starting(server):
    """Begin without the numbers of the last run."""
    if _METRICS:
        Path(_METRICS).mkdir(parents=True, exist_ok=True)
        for old in Path(_METRICS).glob("*.db"):
            old.unlink()


def child_exit(server, worker):
    """A process that is gone has no connections in use any more; its counts stay."""
    if _METRICS:
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)
