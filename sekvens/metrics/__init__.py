"""The numbers that a shop steers by, added up from the facts; nothing here is a fact itself."""
