"""On PostgreSQL, a delivery and its endpoint, a try and its delivery, are of the same user."""

from django.db import migrations

# Table, column, the table it points to.
KEYS = (
    ("budget_delivery", "endpoint_id", "budget_endpoint"),
    ("budget_deliverytry", "delivery_id", "budget_delivery"),
)
FIND = """
SELECT con.conname FROM pg_constraint con
JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
WHERE con.contype = 'f' AND con.conrelid = %s::regclass
AND array_length(con.conkey, 1) = 1 AND att.attname = %s
"""
ADD = """
ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns})
REFERENCES {target} ({target_columns}) DEFERRABLE INITIALLY DEFERRED
"""


def name_of(table, column):
    return f"{table}_{column.removesuffix('_id')}_of_user"


def with_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for table, column, target in KEYS:
                cursor.execute(FIND, [table, column])
                for (old_name,) in cursor.fetchall():
                    cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{old_name}"')
                columns = {"columns": f"user_id, {column}", "target_columns": "user_id, id"}
                name = name_of(table, column)
                cursor.execute(ADD.format(table=table, name=name, target=target, **columns))


def without_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for table, column, target in KEYS:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name_of(table, column)}")
                columns = {"columns": column, "target_columns": "id"}
                name = f"{table}_{column}_fk"
                cursor.execute(ADD.format(table=table, name=name, target=target, **columns))


class Migration(migrations.Migration):
    dependencies = [("budget", "0030_endpoints")]

    operations = [migrations.RunPython(with_user, without_user)]
