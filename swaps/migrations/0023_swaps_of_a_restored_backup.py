"""Which swaps had begun in a backup that was restored."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("swaps", "0022_host_rounds"),
    ]

    operations = [
        migrations.AddField(
            model_name="swapoperation",
            name="restored_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
