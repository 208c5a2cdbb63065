"""On PostgreSQL, a category's parent is one of the same user's: the key names the user as well."""

from django.db import migrations

FIND = """
SELECT con.conname FROM pg_constraint con
JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
WHERE con.contype = 'f' AND con.conrelid = 'budget_category'::regclass
AND array_length(con.conkey, 1) = 1 AND att.attname = 'parent_id'
"""
ADD = """
ALTER TABLE budget_category ADD CONSTRAINT budget_category_{name} FOREIGN KEY ({columns})
REFERENCES budget_category ({target}) DEFERRABLE INITIALLY DEFERRED
"""


def with_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            cursor.execute(FIND)
            for (old_name,) in cursor.fetchall():
                cursor.execute(f'ALTER TABLE budget_category DROP CONSTRAINT "{old_name}"')
            add = ADD.format(name="parent_of_user", columns="user_id, parent_id", target="user_id, id")
            cursor.execute(add)


def without_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            cursor.execute("ALTER TABLE budget_category DROP CONSTRAINT budget_category_parent_of_user")
            cursor.execute(ADD.format(name="parent_fk", columns="parent_id", target="id"))


class Migration(migrations.Migration):
    dependencies = [("budget", "0009_thresholds_of_every_kind")]

    operations = [migrations.RunPython(with_user, without_user)]
