"""Wick & Lantern: a shop with Ostiary inside it. ``make example`` opens it.

``app.py`` is the application: its pages, its JSON API and all that it asks Ostiary. ``stock.py`` is the trade, which
knows nothing of who anybody is.
"""
