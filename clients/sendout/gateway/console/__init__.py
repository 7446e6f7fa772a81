"""The console: Sendout's pages for people, rendered here and enlivened by small modules of our own.

It holds no rights and no rules. Each page and each live call goes to the server with the session of whoever is signed
in, and shows what the server says. `rooms` lists the pages; a page is one module in `pages` with its template; `visits`
is what a page sees of its visitor; `sessions` is the cookie and the proof that a request comes from our own pages.
"""
