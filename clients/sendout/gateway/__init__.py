"""The web gateway: the server's calls over HTTP, for browsers, CRM systems and everything that speaks no gRPC.

It holds no rights and no rules: it forwards who calls and what is asked, and the server decides. `transcode` serves
every call of the contract at the path its `google.api.http` annotation names; `documents` describes them; `app` puts
the rooms together and `serving` runs the process.
"""
