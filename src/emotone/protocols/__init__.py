"""Named, versioned ways to divide utterances into folds, and the audit of what training and test parts share.

Example:
    >>> from emotone.protocols import protocol
    >>> protocol("speaker-folds-5").speaker_independent
    True

"""

from emotone.protocols.base import Protocol
from emotone.protocols.leakage import Leakage, audit
from emotone.protocols.names import descriptions, protocol, twin_for

__all__ = ["Leakage", "Protocol", "audit", "descriptions", "protocol", "twin_for"]
