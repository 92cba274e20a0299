from django.apps import AppConfig


class HotswapSiteConfig(AppConfig):
    name = "hotswap_site"

    def ready(self) -> None:
        # Whoever uses Django may send a task: without our application Celery would look
        # for a broker of its own choosing.
        from hotswap_site import celery  # noqa: F401
