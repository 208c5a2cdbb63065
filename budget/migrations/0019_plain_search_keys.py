import re
import unicodedata
from functools import lru_cache, partial
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
# Letters without a decomposition whose Unicode name does not say what they are typed as.
PLAIN = {
    "\N{LATIN SMALL LETTER DOTLESS I}": "i",
    "ȷ": "j",
    "æ": "ae",
    "œ": "oe",
    "ð": "d",
    "þ": "th",
    "ŋ": "n",
    "ə": "e",
    "ǝ": "e",
    "ɛ": "e",
    "ɔ": "o",
    "ʒ": "z",
    "ĸ": "k",
    "\N{FRACTION SLASH}": "/",
    "\N{MINUS SIGN}": "-",
}
QUOTES = dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02b9\u02bb\u02bc\u00b4\u0060\u055a", "'")
QUOTES |= dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
STROKED = re.compile("LATIN SMALL LETTER ([A-Z]) WITH .+")


def fold(text):
    return " ".join(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split()
    )


def old_key(text):
    """What a search compared before: folded, without accents."""
    decomposed = unicodedata.normalize("NFKD", fold(text))
    return fold("".join(char for char in decomposed if not unicodedata.combining(char)))


def search_key(text):
    """What a search compares from here on: without accents, as a plain keyboard types it."""
    straight = "".join(QUOTES.get(char, char) for char in text)
    decomposed = unicodedata.normalize("NFKD", fold(straight))
    return fold("".join(map(typed, decomposed)))


@lru_cache(maxsize=4096)
def typed(char):
    if char.isascii():
        return QUOTES.get(char, char)
    if unicodedata.combining(char) or unicodedata.category(char) == "Cf":
        return ""
    if unicodedata.category(char) == "Pd":
        return "-"
    stroked = STROKED.fullmatch(unicodedata.name(char, ""))
    return stroked[1].lower() if stroked else PLAIN.get(char, QUOTES.get(char, char))


def fill(key_of, apps, schema_editor):
    """Give rows the keys that searches compare, in commits of a thousand rows, by ascending id.

    Can be run again: a row that has its key stays.
    """
    for name, text in TEXTS.items():
        model = apps.get_model("budget", name)
        rows = model.objects.exclude(**{text: ""}).order_by("pk")
        last = 0
        while found := list(rows.filter(pk__gt=last).values_list("pk", text, "search")[:BATCH]):
            last = found[-1][0]
            values = [
                (pk, key, shown) for pk, shown, stored in found if (key := key_of(shown)) != stored
            ]
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
        ('budget', '0018_former_name_of_a_user'),
    ]

    operations = [
        migrations.RunPython(partial(fill, search_key), partial(fill, old_key)),
    ]
