"""Named, versioned ways to divide utterances into folds, and the audit of what training and test parts share.

Example:
    >>> from emotone.protocols import protocol
    >>> protocol("speaker-folds-5").speaker_independent
    True

"""

from emotone.protocols.base import Protocol
from emotone.protocols.folds import NAMES, protocol
from emotone.protocols.leakage import Leakage, audit

__all__ = ["NAMES", "Leakage", "Protocol", "audit", "protocol"]
