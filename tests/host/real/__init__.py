"""The bookstore in applications that nobody here wrote, as their package index has them.

    make hosts          or: python -m tests.host.real kinto devpi

makes an environment for each host in ``.hosts/``, installs it and this checkout there, and does in
it what docs/howto/hosts.md says. It needs a package index, so it is no part of ``make test``: a
host that cannot be installed is skipped, with the reason. Exit 1 where a cell is not as it should
be. A PostgreSQL is started as for the tests; each host gets an empty database of it.

The modules ``host_*.py`` run in those environments, where neither the checkout nor its tests are on
the path: they import what lies beside them. Each has its ``PACKAGES`` and its ``cells()``.
"""
