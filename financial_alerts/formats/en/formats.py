"""Days and times as the API writes them, wherever the admin shows one (FORMAT_MODULE_PATH)."""

from __future__ import annotations

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
# With the zone: staff work in UTC, their customers do not.
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i:s T"
TIME_FORMAT = "H:i:s"
# Of the steps by which a list is narrowed down to a day.
YEAR_MONTH_FORMAT = "Y-m"
MONTH_DAY_FORMAT = "m-d"
