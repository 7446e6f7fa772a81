"""The public contract of Sendout, version 1: protobuf messages and gRPC stubs generated from the `.proto` files beside
this one, which say in full what every call does. Callers need only `grpcio` and `protobuf`; most are better served by
`sendout.client`, which adds typed errors, retries and request ids. The `*_pb2*` files are made by `protos/generate.py`
and are not edited by hand."""
