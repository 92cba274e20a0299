"""People of each role, as pages and doors know them."""

import re

from django.contrib.auth.models import Group, User

from swaps.access.roles import Role

PASSWORD = "correct horse battery staple"
# What the content security policy forbids in a page.
INLINE = re.compile(r"<style|\sstyle\s*=|<script(?![^>]*\ssrc=)|\son[a-z]+\s*=|javascript:", re.I)


def a_person(role: Role | None, name: str = "") -> User:
    person = User.objects.create_user(name or str(role), password=PASSWORD)
    if role is not None:
        person.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return person


def the_person(name: str, role: Role) -> User:
    """The same whenever they are asked for within a test."""
    return User.objects.filter(username=name).first() or a_person(role, name)
