"""After how long without a request a host's connections are closed: set, and measured.

Clusters that were made before have no word of it, and go by the usual one, as they did.
"""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("swaps", "0027_hosts_that_restart_in_a_transition"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelhost",
            name="idle_timeout_seconds",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="modelhost",
            name="measured_keep_alive_seconds",
            field=models.FloatField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="modelhost",
            name="keep_alive_due_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(), editable=False
            ),
        ),
        migrations.AddConstraint(
            model_name="modelhost",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("idle_timeout_seconds", None),
                    ("idle_timeout_seconds__gt", 0),
                    _connector="OR",
                ),
                name="host_idle_timeout_positive",
            ),
        ),
    ]
