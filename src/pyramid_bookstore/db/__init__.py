"""The database: column types, engines, what differs between SQLite and PostgreSQL, migrations."""
