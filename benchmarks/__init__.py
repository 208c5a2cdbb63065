"""What the service costs, beside what others would pick and as its data grows: `make bench`."""
