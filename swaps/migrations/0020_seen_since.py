"""Since when nodes, hosts and router processes have been heard, or not."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("swaps", "0019_what_was_found_loaded"),
    ]

    operations = [
        migrations.AddField(
            model_name="clusteronnode",
            name="none_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="nodeincarnation",
            name="reachable_since",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
        migrations.AddField(
            model_name="placement",
            name="silent_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="routerprocess",
            name="serves_since",
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        ),
    ]
