"""The JSON API: from a parsed body to a use case to an answer; no rule lives here."""
