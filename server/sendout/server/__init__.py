"""The service: commands behind the RPCs, the dispatcher, the carriers, and `app` which builds them all."""
