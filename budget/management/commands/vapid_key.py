"""manage.py vapid_key: a new key of web push."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from lib.web_push import Sender, new_private_key


class Command(BaseCommand):
    help = (
        "Make a key that names this service to push services, and print it as a line of .env. "
        "Browsers that subscribed with another one have to subscribe again."
    )

    def handle(self, **options: Any) -> str:
        key = new_private_key()
        if options["verbosity"]:
            self.stderr.write(f"Browsers see the public key {Sender.of(key, '').public}")
        return f"VAPID_PRIVATE_KEY={key}"
