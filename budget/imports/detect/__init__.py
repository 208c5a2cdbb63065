"""Finding out how a table is written: what all valid readings agree on is taken, the rest asked."""
