from django.core.management import call_command
from django.db import migrations

TABLE = "accounts_cache"


def create(apps, schema_editor):
    """The table of the shared cache; where tests have made it already, nothing happens."""
    call_command("createcachetable", TABLE, database=schema_editor.connection.alias, verbosity=0)


def drop(apps, schema_editor):
    schema_editor.execute(f"DROP TABLE {schema_editor.quote_name(TABLE)}")


class Migration(migrations.Migration):

    dependencies = [("accounts", "0002_token_scopes")]

    operations = [migrations.RunPython(create, drop)]
