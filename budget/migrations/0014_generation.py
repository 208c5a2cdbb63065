from django.db import migrations, models

import budget.models.ledger


class Migration(migrations.Migration):
    dependencies = [("budget", "0013_revision_of_a_user")]

    operations = [
        migrations.AddField(
            model_name="ledger",
            name="generation",
            field=models.BigIntegerField(
                db_default=0, default=budget.models.ledger.new_generation
            ),
        ),
        migrations.AddField(
            model_name="ledger",
            name="event_base",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="alert",
            index=models.Index(
                fields=["user", "snoozed_until"],
                condition=models.Q(snoozed_until__isnull=False),
                name="budget_alert_by_snooze",
            ),
        ),
    ]
