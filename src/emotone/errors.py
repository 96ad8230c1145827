"""Exceptions. A message contains what was given, what is allowed, and the nearest valid name.

All exceptions of emotone derive from `EmotoneError` and have a short `code` for scripts. The command maps `UsageError`
to exit status 2; an `AudioError` fails one recording, never a batch.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class EmotoneError(Exception):
    """Base class of all exceptions of emotone."""

    code: ClassVar[str] = "error"


class UsageError(EmotoneError):
    """The call is wrong: an unknown option, name or value."""

    code = "usage"


class UnknownNameError(UsageError):
    """A name that is in no registry, format or label set."""

    code = "unknown_name"


class ConfigError(UsageError):
    """A recipe, bundle description or table has an unknown key or a wrong value."""

    code = "config"


class OutputError(UsageError):
    """A result can't be written where it was asked for."""

    code = "output"


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the message names the extra to install."""

    code = "missing_extra"


class AudioError(EmotoneError):
    """One recording can't be used."""

    code = "audio"


class MissingFileError(AudioError):
    """The file does not exist, or must not be read."""

    code = "missing_file"


class NotAudioError(AudioError):
    """The file is not in a format that can be decoded."""

    code = "not_audio"


class EmptyAudioError(AudioError):
    """The file, or its audio data, is empty."""

    code = "empty"


class TruncatedError(AudioError):
    """The file is shorter than its header states."""

    code = "truncated"


class NotFiniteError(AudioError):
    """Samples are NaN or infinite."""

    code = "not_finite"


class TooShortError(AudioError):
    """The recording is too short to analyse."""

    code = "too_short"


class RateError(AudioError):
    """An unsupported sampling rate or number of channels."""

    code = "rate"


class ChannelError(RateError):
    """The recording has no such channel or audio track."""

    code = "channel"


class BundleError(EmotoneError):
    """A model on disk is incomplete, modified, or of another kind."""

    code = "bundle"


class SourceError(EmotoneError):
    """Weights to transfer are incomplete, modified, or of another network."""

    code = "source"


class CorpusError(EmotoneError):
    """A corpus folder or table does not have the expected content."""

    code = "corpus"


class RunError(EmotoneError):
    """A training or an evaluation can't start or resume."""

    code = "run"


def unknown_name(kind: str, given: str, allowed: Iterable[str]) -> UnknownNameError:
    """Return the error for a name that is not among `allowed`, with the closest one as a suggestion.

    Example:
        >>> print(unknown_name("format", "jsn", ["json", "csv"]))
        unknown format 'jsn'; did you mean 'json'? Allowed: csv, json

    """
    names = sorted(allowed)
    close = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    return UnknownNameError(f"unknown {kind} '{given}'{hint} Allowed: {', '.join(names) or 'none'}")


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """Return the error for an optional `package` that is not installed.

    Example:
        >>> print(missing_extra("av", "media", "decoding mp4"))
        decoding mp4 needs the package 'av'; install it with: pip install 'emotone[media]'

    """
    return MissingExtraError(
        f"{purpose} needs the package '{package}'; install it with: pip install 'emotone[{extra}]'"
    )
