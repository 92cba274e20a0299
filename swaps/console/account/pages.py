"""The entries of signing in and out, and of one's own password."""

from swaps.console.account.own_password import own_password
from swaps.console.account.signing_in import SignIn, SignOut
from swaps.console.shared.pages import Page

PAGES = (
    Page(name="login", path="login", view=SignIn.as_view(), needs=None),
    Page(name="logout", path="logout", view=SignOut.as_view(), needs=None, fragment=True),
    Page(
        name="own-password",
        path="password",
        view=own_password,
        template="console/account/own_password.html",
        needs=None,  # whoever signs in may, whatever their role
        handbook=("administrator/people",),
    ),
)
