"""Entries are signed and sealed, and what keeps them append-only has no way around it."""

import uuid

import pgtrigger.migrations
from django.db import migrations, models

from swaps.audit.signing import sign

APPEND_ONLY = """
CREATE FUNCTION swaps_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % of % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION swaps_audit_wait_for_seal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO swaps_unsealedentry (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

CREATE TRIGGER audit_wait_for_seal AFTER INSERT ON swaps_auditentry
    FOR EACH ROW EXECUTE FUNCTION swaps_audit_wait_for_seal();
"""
# ALWAYS: also where a session says that it is a replica, in which ordinary triggers sleep.
FOR_EACH_TABLE = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION swaps_audit_append_only();
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION swaps_audit_append_only();
ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_append_only;
ALTER TABLE {table} ENABLE ALWAYS TRIGGER audit_no_truncate;
"""
TABLES = ("swaps_auditentry", "swaps_auditseal")
UNDO = """
DROP FUNCTION swaps_audit_append_only CASCADE;
DROP FUNCTION swaps_audit_wait_for_seal CASCADE;
"""


def sign_earlier_entries(apps, schema_editor):
    """Written before there were signatures: vouched for as they are now."""
    AuditEntry = apps.get_model("swaps", "AuditEntry")
    UnsealedEntry = apps.get_model("swaps", "UnsealedEntry")
    for entry in AuditEntry.objects.order_by("id").iterator(chunk_size=1000):
        entry.nonce = uuid.uuid4()
        sign(entry)
        entry.save(update_fields=["nonce", "key_id", "signature"])
        UnsealedEntry.objects.create(entry_id=entry.pk)


class Migration(migrations.Migration):
    dependencies = [("swaps", "0005_refusal_floods")]

    operations = [
        pgtrigger.migrations.RemoveTrigger(model_name="auditentry", name="append_only"),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("entry_id", models.BigIntegerField(unique=True)),
                ("digest", models.CharField(max_length=64)),
                ("sealed_at", models.DateTimeField()),
                ("key_id", models.CharField(max_length=8)),
                ("mac", models.CharField(max_length=64)),
            ],
            options={"ordering": ["number"]},
        ),
        migrations.CreateModel(
            name="UnsealedEntry",
            fields=[("entry_id", models.BigIntegerField(primary_key=True, serialize=False))],
        ),
        migrations.AddField(
            model_name="auditentry", name="nonce", field=models.UUIDField(null=True, editable=False)
        ),
        migrations.AddField(
            model_name="auditentry",
            name="key_id",
            field=models.CharField(default="", editable=False, max_length=8),
        ),
        migrations.AddField(
            model_name="auditentry",
            name="signature",
            field=models.CharField(default="", editable=False, max_length=64),
        ),
        migrations.RunPython(sign_earlier_entries, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="auditentry",
            name="nonce",
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["actor", "-id"], name="audit_by_actor"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_name", "-id"], name="audit_by_object"),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(
                fields=["swap", "-id"],
                name="audit_by_swap",
                condition=models.Q(("swap__isnull", False)),
            ),
        ),
        migrations.RunSQL(
            APPEND_ONLY + "".join(FOR_EACH_TABLE.format(table=table) for table in TABLES), UNDO
        ),
    ]
