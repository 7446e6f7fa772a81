"""From the ring to the carrier and back: take, claim, permit, submit, settle, recover."""
