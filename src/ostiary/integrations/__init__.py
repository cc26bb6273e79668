"""Ostiary inside an application of a Python web framework: one module a framework, the same surface in each.

Owns how Ostiary's pages and API are mounted, started and stopped with the application, how the application's own routes
ask who the caller is (``visit``), and that no other site has requests sent to them (``middleware``, ``form_token``).
Depends on ``app`` and ``web``. Refuses to have rules of its own: a request to a route of
the application is recognised, checked and refused by the very code that does it on Ostiary's routes.
"""
