"""How often somebody may ask: buckets that fill with time, in memory, for requests and for wrong passwords."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

__all__ = ["Attempts", "Buckets", "client_key"]

_MOST = 10_000
"""Clients that are remembered; the one that was silent longest is forgotten first."""

Clock = Callable[[], float]


class Buckets:
    """One bucket a key: `burst` at once, then `per_second` on average. Safe for threads."""

    def __init__(self, burst: float, per_second: float, *, clock: Clock = time.monotonic) -> None:
        self._burst = burst
        self._rate = per_second
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Seconds until `key` may ask again; 0 when it may now. Takes nothing."""
        with self._lock:
            left, _ = self._now(key)
        return 0.0 if left >= 1 else (1 - left) / self._rate

    def take(self, key: str) -> float:
        """Take one; returns 0, or when there is none the seconds until there is."""
        with self._lock:
            left, now = self._now(key)
            if left < 1:
                return (1 - left) / self._rate
            self._left[key] = (left - 1, now)
            self._left.move_to_end(key)
            while len(self._left) > _MOST:
                self._left.popitem(last=False)
        return 0.0

    def give_back(self, key: str) -> None:
        """Undo one `take`."""
        with self._lock:
            left, now = self._now(key)
            self._left[key] = (min(left + 1, self._burst), now)

    def _now(self, key: str) -> tuple[float, float]:
        now = self._clock()
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._rate), now


class Attempts:
    """Guesses at passwords and tokens, counted by address, by name, and by both together.

    From one address at one name 5 at once, then one in 30 s; from one address 20, then one in 10 s; at one name from
    everywhere 100, then one in 10 s. A right password costs nothing.
    """

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._pair = Buckets(5, 1 / 30, clock=clock)
        self._address = Buckets(20, 1 / 10, clock=clock)
        self._name = Buckets(100, 1 / 10, clock=clock)

    def begin(self, address: str, name: str) -> float:
        """Count a guess before it is judged; returns 0, or when there were too many the seconds to wait."""
        taken: list[tuple[Buckets, str]] = []
        for buckets, key in self._of(address, name):
            wait = buckets.take(key)
            if wait:
                for each, used in taken:
                    each.give_back(used)
                return wait
            taken.append((buckets, key))
        return 0.0

    def wait(self, address: str) -> float:
        """Seconds until a short token from this address is looked at again; 0: now."""
        return max(buckets.wait(key) for buckets, key in self._of(address, ""))

    def right(self, address: str, name: str) -> None:
        """The guess that was begun was right: it does not count."""
        for buckets, key in self._of(address, name):
            buckets.give_back(key)

    def _of(self, address: str, name: str) -> tuple[tuple[Buckets, str], ...]:
        return ((self._pair, f"{address} {name}"), (self._address, address), (self._name, name or f"token {address}"))


def client_key(address: str) -> str:
    """Who counts as one client: an IPv4 address, or the 64 bits that an IPv6 customer gets."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
