"""descent-run: a rule or recipe on the shapes of a model, checked, timed and compared."""
