from django.apps import AppConfig
from django.core.checks import Tags, register
from django.db.models.signals import post_migrate


class SwapsConfig(AppConfig):
    name = "swaps"
    verbose_name = "Hotswap"

    def ready(self) -> None:
        from swaps.audit.privileges import check_privileges, keep_to_adding

        post_migrate.connect(keep_to_adding, sender=self, dispatch_uid="audit privileges")
        register(check_privileges, Tags.database, deploy=True)
