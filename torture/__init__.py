"""What breaks the bookstore on purpose, and counts what was lost: ``python -m torture``.

Real processes, real databases, real signals; 127.0.0.1 only; bounded in count and time. The figures
go to docs/reliability/README.md. ``tests/torture`` runs the short form of every scenario.
"""
