from django.db import migrations, models

# Headers with "_" were taken once, though no Envoy takes a route with one: nobody was ever divided
# by them, and a swap that kept one could neither go on nor back.
CLEAR = """
UPDATE swaps_route SET sticky_header = '' WHERE sticky_header !~ '^[A-Za-z0-9-]*$';
UPDATE swaps_namedstrategy SET sticky_header = '' WHERE sticky_header !~ '^[A-Za-z0-9-]*$';
UPDATE swaps_swapoperation SET strategy = strategy || '{"stickyHeader": ""}'
 WHERE end_time IS NULL AND strategy->>'stickyHeader' !~ '^[A-Za-z0-9-]*$';
UPDATE swaps_servedmodel SET default_strategy = default_strategy || '{"stickyHeader": ""}'
 WHERE default_strategy->>'stickyHeader' !~ '^[A-Za-z0-9-]*$';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("swaps", "0020_seen_since"),
    ]

    operations = [
        migrations.RunSQL(CLEAR, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="route",
            name="split_salt",
            field=models.CharField(blank=True, db_default="", default="", max_length=32),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(("sticky_header__regex", "^[A-Za-z0-9-]*$")),
                name="route_sticky_header_is_a_header",
            ),
        ),
    ]
