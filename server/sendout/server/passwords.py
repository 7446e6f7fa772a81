"""Password hashes: argon2id, in two threads, so that hashing keeps no other call waiting and its memory is bounded."""

from __future__ import annotations

import asyncio
import base64
from concurrent.futures import ThreadPoolExecutor

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

PARAMETERS = RFC_9106_LOW_MEMORY
"""The second recommended option of RFC 9106: 3 passes over 64 MiB in 4 lanes, 16 bytes of salt, 32 of hash."""

_AT_ONCE = 2


class Passwords:
    """Makes and checks hashes. `parameters` are those of new hashes; old ones carry their own."""

    def __init__(self, parameters: Parameters = PARAMETERS) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._nobody = _hash_of_nothing(parameters)
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")

    async def hash(self, password: str) -> str:
        """What is kept of a password: an encoded argon2id hash with its salt and parameters."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def matches(self, kept: str | None, password: str) -> bool:
        """Whether the password is the one; with nothing kept False, after as much work as for a real one."""
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, self._verify, kept or self._nobody, password
        )

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False


def _hash_of_nothing(parameters: Parameters) -> str:
    """A hash that no password has, under the same parameters."""
    salt, digest = (
        base64.b64encode(bytes(length)).rstrip(b"=").decode() for length in (parameters.salt_len, parameters.hash_len)
    )
    costs = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${costs}${salt}${digest}"
