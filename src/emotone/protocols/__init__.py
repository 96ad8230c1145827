"""Named, versioned protocols that divide utterances into folds, and the audit of what training and test parts share.

Example:
    >>> from emotone.protocols import ProtocolSpec, protocol
    >>> protocol("speaker-folds-5").speaker_independent
    True
    >>> protocol(ProtocolSpec("random-5", target="emodb")).name
    'onto-emodb-random-5'

"""

from emotone.protocols.audit import audit
from emotone.protocols.protocol import Protocol, descriptions, protocol, twin_for
from emotone.protocols.spec import SCALING, SPEAKER_SCALED, Leakage, ProtocolSpec, Scaling

__all__ = [
    "SCALING",
    "SPEAKER_SCALED",
    "Leakage",
    "Protocol",
    "ProtocolSpec",
    "Scaling",
    "audit",
    "descriptions",
    "protocol",
    "twin_for",
]
