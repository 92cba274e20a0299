"""The key that hosts' credentials are encrypted with, changed."""

from dataclasses import dataclass

from cryptography.fernet import InvalidToken
from django.db import transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.refusals import audited
from swaps.db.statements import Statement, run
from swaps.models.encrypted_field import encrypted_anew

_OF = ("host", "all credentials")


@dataclass(frozen=True, slots=True)
class Rotation:
    """Names of hosts, by what became of their credentials."""

    encrypted_anew: list[str]
    as_they_were: list[str]
    unreadable: list[str]


def rotate_credentials(*, actor: Actor) -> Rotation:
    """Encrypt what an earlier key encrypted with the present one. May be repeated.

    What no key opens stays as it is, and is named. Raises NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, *_OF):
        actor.require(Action.MANAGE_HOSTS)
    rotation = Rotation([], [], [])
    with transaction.atomic():
        # As they are stored: the field would open them.
        (found,) = run(
            Statement(
                "SELECT id, name, control_token FROM swaps_modelhost WHERE control_token <> ''"
                " ORDER BY id FOR NO KEY UPDATE",
                {},
            )
        )
        for pk, name, stored in found.rows:
            try:
                anew = encrypted_anew(stored)
            except InvalidToken:
                rotation.unreadable.append(name)
                continue
            if anew is None:
                rotation.as_they_were.append(name)
                continue
            rotation.encrypted_anew.append(name)
            run(
                Statement(
                    "UPDATE swaps_modelhost SET control_token = %(anew)s WHERE id = %(id)s",
                    {"anew": anew, "id": pk},
                )
            )
        if rotation.encrypted_anew or rotation.unreadable:
            record(
                actor=actor,
                action=Action.MANAGE_HOSTS,
                object_kind=_OF[0],
                object_name=_OF[1],
                reason="encrypted with another key",
                after={"hosts": rotation.encrypted_anew, "unreadable": rotation.unreadable},
            )
    return rotation
