"""A taken port, a program that does not run here: one sentence each."""

import socket
from pathlib import Path

import pytest

from hotswap_site.embedded.binaries import check_runs, wheel_folder
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.ports import check_port_free, free_port


def a_program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(EmbeddedError, match=f"port {port} on 127.0.0.1 is taken .* HOTSWAP_X"):
            check_port_free(port, setting="HOTSWAP_X")


def test_a_free_port_passes() -> None:
    check_port_free(free_port())


def test_a_number_that_is_no_port_is_refused() -> None:
    with pytest.raises(EmbeddedError, match=r"port 70000 on 127\.0\.0\.1 cannot be used"):
        check_port_free(70000)


def test_a_missing_library_is_told_in_the_loaders_words(tmp_path: Path) -> None:
    program = a_program(
        tmp_path / "envoy",
        "#!/bin/sh\necho 'error while loading shared libraries: libm.so.6' >&2; exit 127\n",
    )
    with pytest.raises(EmbeddedError, match=r"Envoy cannot run here: error while .* libm\.so\.6"):
        check_runs(program, "Envoy")


def test_a_program_whose_loader_is_missing_is_told_apart(tmp_path: Path) -> None:
    program = a_program(tmp_path / "envoy", "#!/lib/no-such-loader\n")
    with pytest.raises(EmbeddedError, match="this system's C library is not glibc"):
        check_runs(program, "Envoy")


def test_a_program_that_may_not_be_run_is_told(tmp_path: Path) -> None:
    program = a_program(tmp_path / "envoy", "#!/bin/sh\n")
    program.chmod(0o644)
    with pytest.raises(EmbeddedError, match="Envoy cannot run here: Permission denied"):
        check_runs(program, "Envoy")


def test_a_wheel_that_is_not_installed_is_named() -> None:
    with pytest.raises(EmbeddedError, match="no_such_wheel is not installed; run `make setup`"):
        wheel_folder("no_such_wheel")
