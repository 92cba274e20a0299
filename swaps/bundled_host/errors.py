"""The one error type of the host, answered in the protocol's form `{"error": "..."}`."""

from starlette.responses import JSONResponse

# On an answer that says that the version is not here, so nothing of the request was begun: who
# sent it may send it to another host. What is merely busy (429) does not say so: in a fleet that
# is, every request would come several times.
NOT_BEGUN = "hotswap-not-begun"


class HostError(Exception):
    """A request we refuse: HTTP status, the sentence for the caller, and a stable word.

    `code` is for programs (`stale-fence`, `digest-mismatch`, …); the sentence is
    for people and may change. `elsewhere`: another host may do it; see NOT_BEGUN.
    """

    def __init__(self, status: int, code: str, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.elsewhere = elsewhere

    def response(self) -> JSONResponse:
        headers = {"www-authenticate": "Bearer"} if self.status == 401 else {}
        if self.elsewhere:
            headers[NOT_BEGUN] = "true"
        return JSONResponse(
            {"error": self.message, "code": self.code}, status_code=self.status, headers=headers
        )


class ClientGone(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""
