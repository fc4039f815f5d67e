"""Waitress with graceful shutdown and bounded clients, for `pserve`:
``use = egg:pyramid_bookstore#waitress``.

Waitress itself stops at once at SIGTERM: it cuts requests in flight and drops queued ones. With
this server the process starts draining: ``/ready`` answers 503, no new connections are accepted,
open requests are answered, and then the process ends. Neither a client that sends slowly, or does
not read its answer, nor a body that would be refused anyway is waited for. It is chosen in the
``[server:…]`` section of an INI and changes no application.

Options are those of waitress (by default with ``max_request_header_size`` 32,768 and
``outbuf_high_watermark`` 1,048,576), and:

- ``shutdown_grace`` (20), seconds after which unanswered requests are cut;
- ``shutdown_delay`` (0), seconds for which connections are still accepted after SIGTERM, so that a
  load balancer sees ``/ready`` first;
- ``receive_timeout`` (120), seconds that a request may take to arrive, head and body; then 408;
- ``send_timeout`` (30), seconds in which a client must take 64 KiB of a waiting answer, or all of
  it; then it is cut off;
- ``max_uploads`` (4), bodies above 64 KiB that are received at once; more are refused with 503.

``pserve FILE http_port=8081``, or ``port=8081``, overrides ``port`` of the INI, as an INI cannot
give a variable a default.
"""

from pyramid_bookstore.server.graceful import GracefulServer, serve

__all__ = ["GracefulServer", "serve"]
