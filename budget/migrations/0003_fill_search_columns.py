import unicodedata
from itertools import chain

from django.db import migrations

BATCH = 1000
TEXTS = {
    "Category": "name",
    "TransactionType": "name",
    "Threshold": "name",
    "Alert": "message",
    "Transaction": "description",
}
# The text is compared once more: a server may be writing the row in this very moment.
FILL = """
UPDATE {table} SET search = v.column2
FROM (VALUES {rows}) AS v WHERE {table}.id = v.column1 AND {table}.{text} = v.column3
"""

def fold(text):
    return " ".join(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split()
    )


def search_key(text):
    """What a search compared at this point: folded, without accents."""
    decomposed = unicodedata.normalize("NFKD", fold(text))
    return fold("".join(char for char in decomposed if not unicodedata.combining(char)))


def fill(apps, schema_editor):
    """Fill what rows of before are searched by, in commits of a thousand rows, by ascending id.

    Can be run again: what is filled already stays.
    """
    for name, text in TEXTS.items():
        model = apps.get_model("budget", name)
        waiting = model.objects.filter(search="").exclude(**{text: ""}).order_by("pk")
        last = 0
        while rows := list(waiting.filter(pk__gt=last).values_list("pk", text)[:BATCH]):
            last = rows[-1][0]
            values = [(pk, key, shown) for pk, shown in rows if (key := search_key(shown))]
            if not values:
                continue
            marks = ", ".join(["(%s, %s, %s)"] * len(values))
            statement = FILL.format(table=model._meta.db_table, rows=marks, text=text)
            with schema_editor.connection.cursor() as cursor:
                cursor.execute(statement, list(chain.from_iterable(values)))


class Migration(migrations.Migration):

    # Each batch is a separate commit, so that no writer waits for the whole table.
    atomic = False

    dependencies = [
        ('budget', '0002_search_columns'),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
