"""What a write costs, as ratios to the same write without the engine: `make bench`."""
