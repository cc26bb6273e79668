"""Pages for people: they call the use cases that the API calls, and work without JavaScript."""
