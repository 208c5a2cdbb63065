"""Formats that say themselves what each value means: one module each.

A module has KINDS (how a file of it may be called), `recognises(start)` and `read(path, hints)`.
"""
