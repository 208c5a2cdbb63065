"""What a team would pick instead, and the floor: the same job on the same rows, for comparison.

Each is written as its documentation would have it. They keep alerts true in a straightforward way:
in one database transaction, with sums over the rows of the period, and without a lock. with_drf.py
and with_ninja.py share models.py and keeping.py; with_fastapi.py has its own. They run from a
separate virtual environment, with requirements.txt.
"""
