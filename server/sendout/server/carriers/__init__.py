"""Ways to the phones, one module each, found by the entry point group `sendout.carriers`."""
