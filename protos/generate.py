"""Makes the Python stubs of the contract beside its `.proto` files.

    python protos/generate.py                        write the stubs
    python protos/generate.py --check                write nothing; fail and list what differs from a fresh run
    python protos/generate.py --descriptor-set FILE  write a descriptor set with imports and comments, for buf

Needs grpcio-tools, mypy-protobuf and googleapis-common-protos in the environment of the Python that runs it. The
stubs are committed so that callers need none of these. Beside them go the comments of the contract (`comments.json`),
which stubs do not keep and documents made from the descriptors need.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from grpc_tools import protoc  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parent
PACKAGE = Path("sendout/v1")
COMMENTS = "comments.json"


def run_protoc(*options: str) -> None:
    """Run protoc over every `.proto` file of the contract; exit where it fails."""
    includes = (
        ROOT,
        Path(annotations_pb2.__file__).parents[2],  # google/api and google/type, from googleapis-common-protos
        Path(protoc.__file__).parent / "_proto",  # google/protobuf
    )
    sources = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / PACKAGE).glob("*.proto"))
    status = protoc.main(["protoc", *(f"--proto_path={path}" for path in includes), *options, *sources])
    if status != 0:
        sys.exit(status)


def generate(target: Path) -> None:
    """Write all stubs under `target`, and the typed gRPC stubs for the asyncio API only: nothing here uses another."""
    plugin = Path(sys.executable).with_name("protoc-gen-mypy_grpc")
    run_protoc(
        f"--python_out={target}",
        f"--pyi_out={target}",
        f"--grpc_python_out={target}",
        f"--plugin=protoc-gen-mypy_grpc={plugin}",
        f"--mypy_grpc_out=quiet,only_async:{target}",
    )
    text = json.dumps(comments(), indent=0, ensure_ascii=False, sort_keys=True)
    (target / PACKAGE / COMMENTS).write_text(text + "\n")


def comments() -> dict[str, str]:
    """The comment above each service, method, message, field, enum and value, by full name, as it is written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.binpb"
        run_protoc(f"--descriptor_set_out={path}", "--include_source_info")
        files = descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file
    found: dict[str, str] = {}
    for file in files:
        said = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for path_of, name in _elements(file, (), file.package):
            if text := said.get(path_of, ""):
                found[name] = "\n".join(line.removeprefix(" ") for line in text.strip("\n").splitlines())
    return found


def _elements(parent: Any, path: tuple[int, ...], name: str) -> Iterator[tuple[tuple[int, ...], str]]:
    """Everything below `parent` that has a name, with its path in the source info and its full name."""
    for field, value in parent.ListFields():
        if field.is_repeated and field.message_type and "name" in field.message_type.fields_by_name:
            for index, child in enumerate(value):
                below = (*path, field.number, index)
                yield below, f"{name}.{child.name}"
                yield from _elements(child, below, f"{name}.{child.name}")


def stubs_under(root: Path) -> dict[str, bytes]:
    """Name and content of each generated file."""
    made = [*(root / PACKAGE).glob("*_pb2*.py*"), *(root / PACKAGE).glob(COMMENTS)]
    return {path.name: path.read_bytes() for path in made}


def differences() -> list[str]:
    """One line for each committed stub that a fresh run would add, change or remove."""
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        fresh = stubs_under(Path(folder))
    committed = stubs_under(ROOT)
    lines = []
    for name in sorted(fresh.keys() | committed.keys()):
        if name not in committed:
            lines.append(f"missing  {PACKAGE / name}")
        elif name not in fresh:
            lines.append(f"left over  {PACKAGE / name}")
        elif fresh[name] != committed[name]:
            lines.append(f"differs  {PACKAGE / name}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the Python stubs of the contract.")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="write nothing; fail where the stubs are not up to date")
    mode.add_argument("--descriptor-set", metavar="FILE", help="write a descriptor set with imports and comments")
    arguments = parser.parse_args()
    if arguments.descriptor_set:
        run_protoc(f"--descriptor_set_out={arguments.descriptor_set}", "--include_imports", "--include_source_info")
    elif arguments.check:
        if lines := differences():
            print("The stubs are not up to date; run `make protos`:", *lines, sep="\n")
            sys.exit(1)
    else:
        generate(ROOT)


if __name__ == "__main__":
    main()
