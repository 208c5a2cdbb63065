from django.db import migrations


class Migration(migrations.Migration):
    """The model goes to budget, migration 0022; the table stays as it is."""

    dependencies = [("accounts", "0006_devices")]

    operations = [
        migrations.SeparateDatabaseAndState(state_operations=[migrations.DeleteModel("Profile")])
    ]
