"""A version whose hosts restarted empty while traffic moved is loaded again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("swaps", "0026_lost_loads"),
    ]

    operations = [
        migrations.AddField(
            model_name="swapoperation",
            name="reloading_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="swapoperation",
            name="reloads",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
    ]
