"""On PostgreSQL, the parts and changes of an import are of its user: the key says so."""

from django.db import migrations

TABLES = ("budget_importpart", "budget_importchange")
FIND = """
SELECT con.conname FROM pg_constraint con
JOIN pg_attribute att ON att.attrelid = con.conrelid AND att.attnum = con.conkey[1]
WHERE con.contype = 'f' AND con.conrelid = %s::regclass
AND array_length(con.conkey, 1) = 1 AND att.attname = 'import_id'
"""
ADD = """
ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns})
REFERENCES budget_import ({target}) DEFERRABLE INITIALLY DEFERRED
"""


def with_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(FIND, [table])
                for (old_name,) in cursor.fetchall():
                    cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{old_name}"')
                keys = {"columns": "user_id, import_id", "target": "user_id, id"}
                cursor.execute(ADD.format(table=table, name=f"{table}_import_of_user", **keys))


def without_user(apps, editor):
    if editor.connection.vendor == "postgresql":
        with editor.connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_import_of_user")
                keys = {"columns": "import_id", "target": "id"}
                cursor.execute(ADD.format(table=table, name=f"{table}_import_fk", **keys))


class Migration(migrations.Migration):
    dependencies = [("budget", "0026_imports")]

    operations = [migrations.RunPython(with_user, without_user)]
