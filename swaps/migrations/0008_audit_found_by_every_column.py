"""An index for each column that the audit log is filtered by, in the order of its lists."""

from django.db import migrations, models

# Any part of a reason is found by its groups of three letters. The expression is what Django
# makes of `icontains`. The extension comes with Postgres, and the owner of a database may add it.
REASON = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE INDEX audit_by_reason ON swaps_auditentry USING gin (UPPER(reason) gin_trgm_ops);
"""


class Migration(migrations.Migration):
    dependencies = [("swaps", "0007_kept_answers")]

    operations = [
        *(
            migrations.AddIndex(
                model_name="auditentry",
                index=models.Index(fields=[column, "-id"], name=name),
            )
            for column, name in (
                ("role", "audit_by_role"),
                ("source", "audit_by_source"),
                ("action", "audit_by_action"),
                ("object_kind", "audit_by_kind"),
            )
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["token", "-id"], name="audit_by_token", condition=~models.Q(token="")
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["request_id", "-id"],
                name="audit_by_request",
                condition=~models.Q(request_id=""),
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["address", "-id"],
                name="audit_by_address",
                condition=models.Q(address__isnull=False),
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["-id"], name="audit_refused", condition=models.Q(outcome="refused")
            ),
        ),
        migrations.RunSQL(REASON, "DROP INDEX audit_by_reason"),
    ]
