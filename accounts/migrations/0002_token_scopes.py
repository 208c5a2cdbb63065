import unicodedata

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

def fold(text):
    return " ".join(
        unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split()
    )


def search_key(text):
    """What a search compared at this point: folded, without accents."""
    decomposed = unicodedata.normalize("NFKD", fold(text))
    return fold("".join(char for char in decomposed if not unicodedata.combining(char)))


def fill(apps, schema_editor):
    """Fill the column by which existing tokens are found."""
    for token in apps.get_model("accounts", "ApiToken").objects.all():
        token.key = f"{search_key(token.name)} {search_key(token.hint)}"
        token.save(update_fields=["key"])


class Migration(migrations.Migration):

    dependencies = [("accounts", "0001_initial")]

    operations: list[Operation] = [
        migrations.AddField(
            "apitoken",
            "scope",
            models.CharField(
                choices=[("read", "Read"), ("write", "Write"), ("service", "Service")],
                db_default="write",
                default="write",
                max_length=7,
            ),
        ),
        migrations.AddField("apitoken", "expires_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "apitoken",
            "key",
            models.TextField(db_default="", default="", editable=False),
        ),
        migrations.AddConstraint(
            "apitoken",
            models.CheckConstraint(
                condition=models.Q(("scope__in", ["read", "write", "service"])),
                name="accounts_apitoken_scope",
            ),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
