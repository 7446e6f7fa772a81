"""What describes the REST calls: `/openapi.json`, made of the contract and its comments, and `/api`, a page made of it.

`schemas` puts messages into JSON Schema, `openapi` the calls around them, `page` serves both.
"""
