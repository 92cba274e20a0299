"""What can go wrong at a host, in the same words for every kind of server."""

from typing import ClassVar


class AdapterError(Exception):
    """A call to a host did not do what was asked; the message says what and why.

    `permanent`: the same call can't succeed until somebody changes something, so
    asking again is useless. Otherwise the caller may look or ask again later.
    """

    permanent: ClassVar[bool] = False


class HostUnreachable(AdapterError):
    """The host did not answer, or could not: nothing was changed by this call."""


class NoConnection(HostUnreachable):
    """Nothing takes connections there, or nothing lets us through."""


class OutcomeUnknown(AdapterError):
    """The host may or may not have done it: look at the status before anything else."""


class NotReady(AdapterError):
    """The version is not ready, or the host is busy: it may be in a moment."""


class AuthFailed(AdapterError):
    """The host refused our token."""

    permanent = True


class ArtifactMissing(AdapterError):
    """The host has no file of this version."""

    permanent = True


class LoadFailed(AdapterError):
    """The host can't serve this version's file."""

    permanent = True


class Conflict(AdapterError):
    """The intent has changed since: a newer call came first. Do nothing more."""

    permanent = True


class Unsupported(AdapterError):
    """This server can't do that."""

    permanent = True


class RequestRefused(AdapterError):
    """The model refused the inference request itself: the payload doesn't fit it."""

    permanent = True


class ProtocolError(AdapterError):
    """The server answered what its protocol doesn't allow; perhaps it is another kind."""

    permanent = True
