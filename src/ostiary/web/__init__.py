"""HTTP: the one route table, how a request becomes a Caller, and how an answer or an error becomes bytes.

Owns cookies, CSRF, limits by address, pages and the JSON API. Depends on the use cases of every room below, which it
gets ready-made from ``ostiary.app``. Refuses to decide anything itself: a rule that a page has and the API has not, or
the other way round, is a rule in the wrong room.
"""
