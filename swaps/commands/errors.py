"""Why a request is refused. The message is for the person who asked."""

import uuid


class SwapRefused(Exception):
    """Base of all refusals; `code` is the API's word for it."""

    code = "refused"


class InvalidRequest(SwapRefused):
    """A field's value cannot be used; `field` names it."""

    code = "invalid-request"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ModelNotFound(SwapRefused):
    """No model of that name is registered."""

    code = "model-not-found"


class HostNotFound(SwapRefused):
    """No host of that name is registered."""

    code = "host-not-found"


class StrategyNotFound(SwapRefused):
    """No strategy has that name."""

    code = "strategy-not-found"


class InUse(SwapRefused):
    """Something still needs it; the message says what."""

    code = "in-use"


class Stale(SwapRefused):
    """It was changed since whoever asks looked at it; `changed` names the fields, if known."""

    code = "stale"

    def __init__(self, message: str, changed: list[str]) -> None:
        super().__init__(message)
        self.changed = changed


class StillRunning(SwapRefused):
    """The request that is repeated has no answer yet."""

    code = "still-running"


class UserNotFound(SwapRefused):
    """Nobody has that user name."""

    code = "user-not-found"


class LastAdministrator(SwapRefused):
    """Without this one nobody could administrate."""

    code = "last-administrator"


class SwapNotFound(SwapRefused):
    """No swap has that id."""

    code = "swap-not-found"


class NodeNotFound(SwapRefused):
    """No router node was ever started with that nonce."""

    code = "node-not-found"


class TokenNotFound(SwapRefused):
    """No API token has that id."""

    code = "token-not-found"


class VersionNotFound(SwapRefused):
    """No target host has that version."""

    code = "version-not-found"


class VersionNotActive(SwapRefused):
    """The version to swap from does not hold all of the model's traffic."""

    code = "version-not-active"


class AlreadyActive(SwapRefused):
    """Another version serves the model: activate is for the first one only."""

    code = "already-active"


class SwapInProgress(SwapRefused):
    """The model has an open swap, and there is only one at a time."""

    code = "swap-in-progress"

    def __init__(self, message: str, swap_id: uuid.UUID) -> None:
        super().__init__(message)
        self.swap_id = swap_id


class QueueHeld(SwapRefused):
    """The model's queue waits for an operator after a swap that did not complete."""

    code = "queue-held"


class HostUnreachable(SwapRefused):
    """A host that must be asked does not answer: nothing is known, so nothing is begun."""

    code = "host-unreachable"


class NotPossibleNow(SwapRefused):
    """The swap's state does not allow this command."""

    code = "not-possible-now"

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class PastPointOfNoReturn(NotPossibleNow):
    """The old version is being unloaded."""


class DrainTimeout(Exception):
    """The version was not proven idle in the time given."""
