"""What is kept: SQL is the only truth, Redis holds hints, permits and wake-ups.

Comes in: `server.commands` and `server.dispatch`. Tables stand in `tables/`, one module per group; the statements that
use them in one store per group; the Redis scripts in `lua/`.

Lock order of every transaction, so that none waits in a circle: contact point, topic, principal (shared) → request →
notification → messages by (notification_id, index) → progress by notification_id → tally deltas → events → the event
head row last, then COMMIT at once.
"""
