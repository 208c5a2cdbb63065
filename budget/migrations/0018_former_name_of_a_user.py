"""On PostgreSQL, a former name and its category are of the same user: the key says so."""

from django.db import migrations

TABLE = "budget_formername"
# Column, the table it points to.
KEYS = (("category_id", "budget_category"),)
FIND = """
SELECT con.conname FROM pg_constraint con
JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
WHERE con.contype = 'f' AND con.conrelid = %s::regclass
AND array_length(con.conkey, 1) = 1 AND att.attname = %s
"""
ADD = """
ALTER TABLE budget_formername ADD CONSTRAINT {name} FOREIGN KEY ({columns})
REFERENCES {target} ({target_columns}) DEFERRABLE INITIALLY DEFERRED
"""


def name_of(column):
    return f"{TABLE}_{column.removesuffix('_id')}_of_user"


def with_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for column, target in KEYS:
                cursor.execute(FIND, [TABLE, column])
                for (old_name,) in cursor.fetchall():
                    cursor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT "{old_name}"')
                columns = {"columns": f"user_id, {column}", "target_columns": "user_id, id"}
                cursor.execute(ADD.format(name=name_of(column), target=target, **columns))


def without_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for column, target in KEYS:
                cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT {name_of(column)}")
                columns = {"columns": column, "target_columns": "id"}
                cursor.execute(ADD.format(name=f"{TABLE}_{column}_fk", target=target, **columns))


class Migration(migrations.Migration):
    dependencies = [("budget", "0017_former_names")]

    operations = [migrations.RunPython(with_user, without_user)]
