import secrets

from django.db import migrations, transaction

USERS_A_COMMIT = 200


def fill(apps, editor):
    """Give each ledger a different number; the database's default is the same for all of them.

    In small commits, ascending by user, because every write of a user waits for the ledger.
    """
    alias = editor.connection.alias
    ledgers = apps.get_model("budget", "Ledger").objects.using(alias)
    waiting = ledgers.filter(generation=0).order_by("pk").values_list("pk", flat=True)
    last = 0
    while users := list(waiting.filter(pk__gt=last)[:USERS_A_COMMIT]):
        with transaction.atomic(using=alias):
            for user in users:
                ledgers.filter(pk=user).update(generation=secrets.randbits(63))
        last = users[-1]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("budget", "0014_generation")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
