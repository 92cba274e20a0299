"""The one error type of the host, answered in the protocol's form `{"error": "..."}`."""

from starlette.responses import JSONResponse


class HostError(Exception):
    """A request we refuse: HTTP status, the sentence for the caller, and a stable word.

    `code` is for programs (`stale-fence`, `digest-mismatch`, …); the sentence is
    for people and may change.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> JSONResponse:
        headers = {"www-authenticate": "Bearer"} if self.status == 401 else None
        return JSONResponse(
            {"error": self.message, "code": self.code}, status_code=self.status, headers=headers
        )


class ClientGone(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""
