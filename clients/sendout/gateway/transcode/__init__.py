"""HTTP and JSON to gRPC and back, by the annotations of the contract and by nothing else.

`contract` finds the calls, `templates` matches their paths, `reading` turns JSON into messages, `binding` makes a
request of its parts, `routes` answers, with `calls` for one answer and `streams` for many; `refusals` holds every
error, the server's as well as our own.
"""
