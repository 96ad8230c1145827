"""One exception tree. A message says what was given, what is allowed, and the nearest valid name.

Everything that emotone raises on purpose derives from `EmotoneError` and carries a short `code` that scripts
can test. The command maps `UsageError` to exit status 2; an `AudioError` fails one recording, never a batch.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class EmotoneError(Exception):
    """Root of every error that emotone raises on purpose."""

    code: ClassVar[str] = "error"


class UsageError(EmotoneError):
    """The call itself is wrong: an unknown option, name or value."""

    code = "usage"


class UnknownNameError(UsageError):
    """A name that no registry, format or label set holds."""

    code = "unknown_name"


class ConfigError(UsageError):
    """A recipe, bundle description or table has an unknown key or a wrong value."""

    code = "config"


class OutputError(UsageError):
    """A result can't be written where it was asked for."""

    code = "output"


class MissingExtraError(UsageError):
    """An optional dependency is not installed; the message names the extra that brings it."""

    code = "missing_extra"


class AudioError(EmotoneError):
    """One recording can't be used."""

    code = "audio"


class MissingFileError(AudioError):
    """There is nothing at the path, or it may not be read."""

    code = "missing_file"


class NotAudioError(AudioError):
    """The file is not in any format that can be decoded here."""

    code = "not_audio"


class EmptyAudioError(AudioError):
    """The file, or its data part, holds nothing."""

    code = "empty"


class TruncatedError(AudioError):
    """The header promises more than the file holds."""

    code = "truncated"


class NotFiniteError(AudioError):
    """Samples are NaN or infinite."""

    code = "not_finite"


class TooShortError(AudioError):
    """Too little sound to judge."""

    code = "too_short"


class RateError(AudioError):
    """A sampling rate or number of channels outside what is supported."""

    code = "rate"


class BundleError(EmotoneError):
    """A model on disk is incomplete, changed, or of another kind."""

    code = "bundle"


class SourceError(EmotoneError):
    """Weights to transfer from are incomplete, changed, or of another net."""

    code = "source"


class CorpusError(EmotoneError):
    """A corpus folder or table does not hold what it should."""

    code = "corpus"


class RunError(EmotoneError):
    """A training or evaluation can't start or go on."""

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
