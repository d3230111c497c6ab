"""The Brain's database: SQLite by default, PostgreSQL for operators who outgrow it. Same code, same migrations."""
