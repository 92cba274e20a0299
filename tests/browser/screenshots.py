"""Pictures of every page in its main states, for critical eyes: into screenshots/ (ignored).

Not collected with the tests; run by `make screenshots`. What is shown is in gallery.py;
ARGS='-k draining' makes those of one scene.
"""

import pytest

from tests.browser.desks import Desks
from tests.browser.gallery import SCENES, Scene, Stage
from tests.browser.viewing import Viewer
from tests.integration.bundled_host.running import REPOSITORY_ROOT

FOLDER = REPOSITORY_ROOT / "screenshots"
LOOKS = [(1440, False), (1440, True), (390, False), (390, True)]
# So that the curve of requests in flight has some length.
WATCHED_MS = 3_000


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_pictures_of(scene: Scene, stage: Stage, desks: Desks) -> None:
    FOLDER.mkdir(exist_ok=True)
    viewer = Viewer(desks)
    for picture in scene.set_up(stage):
        page = viewer.look_at(picture).page
        if picture.live:
            page.wait_for_timeout(WATCHED_MS)
        for width, dark in LOOKS:
            viewer.through(page, width, dark=dark)
            # A dialog lies over what is seen, not over the whole page.
            page.screenshot(
                path=FOLDER / f"{picture.name}-{width}-{'dark' if dark else 'light'}.png",
                full_page=not (picture.press and picture.shows.startswith("dialog")),
            )
