// Does nothing: a browser takes it from a house that it trusts, and refuses it from another.
