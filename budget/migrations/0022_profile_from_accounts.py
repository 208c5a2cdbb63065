from functools import partial

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def hand_over(old_app, new_app, apps, schema_editor):
    """Give the model of the new app the permissions and the admin's history of the old one.

    The old content type and its permissions stay, because servers of the version before ask for
    them while they run beside the new ones.
    """
    database = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(database)
    permissions = apps.get_model("auth", "Permission").objects.using(database)
    history = apps.get_model("admin", "LogEntry").objects.using(database)
    old = types.filter(app_label=old_app, model="profile").first()
    if old is None:
        # A new database: migrate makes content types and permissions when it has ended.
        return
    new, _ = types.get_or_create(app_label=new_app, model="profile")
    for given in permissions.filter(content_type=old):
        same, _ = permissions.get_or_create(
            content_type=new, codename=given.codename, defaults={"name": given.name}
        )
        same.group_set.add(*given.group_set.all())
        same.user_set.add(*given.user_set.all())
    history.filter(content_type=old).update(content_type=new)


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0007_profile_to_budget"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("budget", "0021_days_of_a_rolling_threshold"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="Profile",
                    fields=[
                        ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                        ("time_zone", models.CharField(default="UTC", max_length=64)),
                        ("week_start", models.SmallIntegerField(default=1)),
                        ("month_start", models.SmallIntegerField(default=1)),
                        ("currency", models.CharField(default="USD", max_length=3, validators=[django.core.validators.RegexValidator("^[A-Z]{3}\\Z")])),
                        ("user", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="profile", to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        "db_table": "accounts_profile",
                        "constraints": [
                            models.CheckConstraint(condition=models.Q(("week_start__range", (1, 7))), name="accounts_profile_week_start"),
                            models.CheckConstraint(condition=models.Q(("month_start__range", (1, 28))), name="accounts_profile_month_start"),
                            models.CheckConstraint(condition=models.Q(("currency__regex", "^[A-Z]{3}$")), name="accounts_profile_currency"),
                        ],
                    },
                ),
            ],
        ),
        migrations.RunPython(partial(hand_over, "accounts", "budget"), partial(hand_over, "budget", "accounts")),
    ]
