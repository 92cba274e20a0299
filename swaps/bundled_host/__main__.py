"""`python -m swaps.bundled_host`: command line, start and end of the process."""

import argparse
import logging
import os
import sys
from pathlib import Path

from swaps.bundled_host import logs
from swaps.bundled_host.application import Application
from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.server import HostServer, bind

TOKEN_VARIABLE = "HOTSWAP_HOST_TOKEN"  # noqa: S105 - the name of a variable, not a token


def main() -> int:
    arguments = vars(_parser().parse_args())
    token_file: Path | None = arguments.pop("control_token_file")
    # Taken out of the environment: children and crash reports have no use for it.
    token = os.environ.pop(TOKEN_VARIABLE, "")
    try:
        if token_file is not None:
            token = token_file.read_text().strip()
        if not token:
            raise ValueError(f"no control token: use --control-token-file or {TOKEN_VARIABLE}")
        configuration = Configuration(control_token=token, **arguments)
        if not configuration.repository.is_dir():
            raise ValueError(f"the repository {configuration.repository} is not a folder")
        listener = bind(configuration.address, configuration.port)
    except (OSError, ValueError) as error:
        print(f"bundled host {arguments['name']}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    logs.configure(configuration.name)
    application = Application(configuration)
    HostServer(configuration, application).run_on(listener)
    if application.versions.loads_under_way or application.versions.in_flight:
        # onnxruntime can't be interrupted, and the interpreter would wait for its
        # threads although nobody waits for what they compute.
        logging.shutdown()
        sys.stdout.flush()
        os._exit(0)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m swaps.bundled_host",
        description="Serve ONNX models from DIR/{model}/{version}/model.onnx",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    default = {name: field.default for name, field in Configuration.__dataclass_fields__.items()}
    parser.add_argument("--name", required=True, help="what this host calls itself")
    parser.add_argument("--repository", required=True, type=Path, metavar="DIR")
    parser.add_argument(
        "--control-token-file", type=Path, metavar="FILE", help=f"or {TOKEN_VARIABLE}"
    )
    parser.add_argument(
        "--ready-file", type=Path, metavar="FILE", help="written when the host serves"
    )
    parser.add_argument("--address", default=default["address"], help="to listen on")
    for name, kind, text in (
        ("port", int, "0 picks a free one"),
        ("intra_op_threads", int, "onnxruntime's threads for one inference"),
        ("threads_per_version", int, "requests of one version that execute side by side"),
        ("max_in_flight", int, "requests let in, all versions together; beyond it: 429"),
        ("max_body_bytes", int, "beyond it: 413"),
        ("body_timeout_seconds", float, "for a request's body to arrive"),
        ("concurrent_loads", int, "loads at once; more wait"),
        ("keep_alive_seconds", int, "idle connections are closed after this"),
        ("grace_seconds", int, "at SIGTERM, for requests in flight to end"),
    ):
        option = "--" + name.replace("_", "-")
        parser.add_argument(option, type=kind, default=default[name], help=text)
    return parser


if __name__ == "__main__":
    sys.exit(main())
