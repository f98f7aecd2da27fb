"""Whether this machine and its service can run studies, and what to do where they cannot.

What may come in: small functions that look at one thing each and change nothing; none takes more than a second or two.
"""

from orchestrator.service.doctor.check import Check
from orchestrator.service.doctor.examine import examine

__all__ = ["Check", "examine"]
