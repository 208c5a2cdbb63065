"""manage.py deliver: messages to the users' endpoints."""

from __future__ import annotations

import signal
import threading
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from budget.delivering import Deliverer
from budget.delivering.health import Watch
from budget.delivering.worker import THREADS
from lib.logs import command_result


class Command(BaseCommand):
    help = (
        "Send what has happened to the users' endpoints, as long as it runs. Any number of "
        "processes may do so side by side. SIGTERM and SIGINT let it finish what it has in hand; "
        "killed, nothing is lost, and a message may arrive twice, with the same webhook-id."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--threads", type=int, default=THREADS, help="messages at once (default %(default)s)"
        )
        parser.add_argument("--once", action="store_true", help="send what is due now, and end")
        parser.add_argument(
            "--heartbeat", type=Path, metavar="FILE", help="touch this file as long as work goes on"
        )

    def handle(
        self, *args: Any, threads: int, once: bool, heartbeat: Path | None, **options: Any
    ) -> None:
        watch = Watch(heartbeat)
        deliverer = Deliverer(threads=max(threads, 1), beat=watch.beat)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: deliverer.stop())
        with command_result("deliver") as result:
            done = deliverer.run_once() if once else watched(deliverer, watch)
            result |= {name: done[name] for name in ("delivered", "failed", "folded")}
        if options["verbosity"]:
            said = ", ".join(f"{done[name]} {name}" for name in ("delivered", "failed", "folded"))
            self.stdout.write(f"{said}.")


def watched(deliverer: Deliverer, watch: Watch) -> Counter[str]:
    """Deliver until a signal; the process ends where that stands still."""
    thread = threading.Thread(target=watch.run, daemon=True)
    thread.start()
    try:
        return deliverer.run()
    finally:
        watch.over.set()
        thread.join()
