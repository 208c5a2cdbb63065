"""Eight processes that write and a ninth that recomputes."""
