"""On PostgreSQL, foreign keys that name the user as well: (user_id, category_id) and the like.

So the database itself refuses a row with another user's category, and its check of a deleted one
finds the user's rows by an index instead of reading the whole table. SQLite keeps the keys that
Django made: it cannot add one to a table that is there.
"""

from django.db import migrations

# Table, column, the table it points to.
KEYS = (
    ("budget_transaction", "category_id", "budget_category"),
    ("budget_transaction", "type_id", "budget_transactiontype"),
    ("budget_rollup", "category_id", "budget_category"),
    ("budget_rollup", "type_id", "budget_transactiontype"),
    ("budget_threshold", "category_id", "budget_category"),
    ("budget_alert", "threshold_id", "budget_threshold"),
)
FIND = """
SELECT con.conname FROM pg_constraint con
JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
WHERE con.contype = 'f' AND con.conrelid = %s::regclass
AND array_length(con.conkey, 1) = 1 AND att.attname = %s
"""


def name_of(table, column):
    return f"{table}_{column.removesuffix('_id')}_of_user"


def replace(editor, table, column, new_name, columns, target, target_columns):
    with editor.connection.cursor() as cursor:
        cursor.execute(FIND, [table, column])
        for (old_name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{old_name}"')
        cursor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {new_name} FOREIGN KEY ({columns}) "
            f"REFERENCES {target} ({target_columns}) DEFERRABLE INITIALLY DEFERRED"
        )


def with_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        for table, column, target in KEYS:
            both = f"user_id, {column}"
            replace(editor, table, column, name_of(table, column), both, target, "user_id, id")


def without_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        for table, column, target in KEYS:
            name = name_of(table, column)
            with editor.connection.cursor() as cursor:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            replace(editor, table, column, f"{table}_{column}_fk", column, target, "id")


class Migration(migrations.Migration):
    dependencies = [("budget", "0006_keys_of_a_user")]

    operations = [migrations.RunPython(with_user, without_user)]
