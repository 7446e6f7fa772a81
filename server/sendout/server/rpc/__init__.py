"""The wire: each method parses, calls one command and converts its answer. No SQL, no Redis, no carrier names."""
