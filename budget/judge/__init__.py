"""The judgement: which alerts must be open, from plain values.

Nothing in here reads or writes: a write, the tick, an audit and a preview all judge by these
functions and differ only in where the totals come from. No Django (but for its enumerations in
kinds.py) and no SQL; `make check` holds it.
"""
