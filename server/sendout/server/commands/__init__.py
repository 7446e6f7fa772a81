"""One use case per file: what the RPCs do, without knowing of the wire."""
