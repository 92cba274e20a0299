from django.apps import AppConfig
from django.core.checks import Tags, register


class HotswapSiteConfig(AppConfig):
    name = "hotswap_site"

    def ready(self) -> None:
        # Whoever uses Django may send a task: without our application Celery would look
        # for a broker of its own choosing.
        from hotswap_site import celery  # noqa: F401
        from hotswap_site.checks import (
            check_certificates,
            check_debug,
            check_deployment,
            check_rows,
            check_servers,
        )

        register(check_debug, Tags.security)
        register(check_certificates, Tags.security)
        register(check_deployment, Tags.security, deploy=True)
        register(check_servers, Tags.database, deploy=True)
        register(check_rows, Tags.database, deploy=True)
