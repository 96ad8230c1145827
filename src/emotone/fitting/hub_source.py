"""Speech encoders in the format of transformers, in a folder or on the Hugging Face hub: find and hash their files.

`hf:ORGANISATION/NAME`, with `@REVISION` if it is not the main one, is looked for in the user's cache of the hub, then
downloaded. `hf:./FOLDER` is a folder with the same files, which is how encoders reach a machine without a network.
Weights are read from safetensors only: other formats can contain code.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.errors import SourceError, missing_extra
from emotone.files import one_line, sha256_file
from emotone.transfer.locate import hub_cache

if TYPE_CHECKING:
    from collections.abc import Mapping

    from emotone.types import Hertz

PREFIX = "hf:"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
FRONT_ENDS = ("preprocessor_config.json", "processor_config.json")  # the latter contains the former, since version 5
INSIDE = "feature_extractor"
PATTERNS = (CONFIG, WEIGHTS, INDEX, "model-*.safetensors", *FRONT_ENDS)
NEEDED = ((CONFIG,), (WEIGHTS, INDEX), FRONT_ENDS)  # one of each
PICKLES = "*.bin"
FAMILIES = ("data2vec-audio", "hubert", "unispeech", "unispeech-sat", "wav2vec2", "wavlm", "whisper")
EXTRA = "transformers"
_REPOSITORY = re.compile(r"(?P<name>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w./-]+))?")
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")  # variables of the hub's client, and what it reads as true
_TRUE = {"1", "ON", "YES", "TRUE"}


@dataclass(frozen=True, eq=False)
class HubFiles:
    """The files of an encoder.

    Attributes:
        source: what the user named, for messages.
        folder: that contains them.
        config: settings of the network.
        front_end: settings of what computes its input.
        weights: one file, or several parts.
        sha256: of the weights and both settings.

    """

    source: str
    folder: Path
    config: Mapping[str, Any]
    front_end: Mapping[str, Any]
    weights: tuple[Path, ...]
    sha256: str

    @property
    def family(self) -> str:
        """Kind of network, one of `FAMILIES`."""
        return str(self.config["model_type"])

    @property
    def rate(self) -> Hertz:
        """Sampling rate of its input."""
        return int(self.front_end["sampling_rate"])

    @property
    def normalises(self) -> bool:
        """Whether samples are scaled to mean 0 and variance 1 first."""
        return bool(self.front_end.get("do_normalize", self.family != "whisper"))


@dataclass(frozen=True)
class HubSource:
    """An encoder on the hub, or in a folder.

    Attributes:
        name: ORGANISATION/NAME, or the path of the folder.
        revision: branch, tag or commit on the hub; "" is the main branch.

    """

    name: str
    revision: str = ""

    @classmethod
    def parse(cls, source: str) -> HubSource | None:
        """Return the source that a text means, or None if it is of another kind.

        Raises:
            SourceError: a text that names neither a folder nor an encoder on the hub.

        Example:
            >>> HubSource.parse("hf:facebook/hubert-base-ls960@refs/pr/1")
            HubSource(name='facebook/hubert-base-ls960', revision='refs/pr/1')
            >>> HubSource.parse("whisper-base") is None
            True

        """
        if not source.startswith(PREFIX):
            return None
        text = source.removeprefix(PREFIX)
        if text.startswith((".", "/", "~")) or Path(text).is_absolute() or (text and Path(text).is_dir()):
            return cls(text)
        found = _REPOSITORY.fullmatch(text)
        if found is None:
            raise SourceError(
                f"'{source}' names no encoder; write {PREFIX}ORGANISATION/NAME, such as "
                f"{PREFIX}facebook/wav2vec2-base, or {PREFIX}./FOLDER"
            )
        return cls(found["name"], found["revision"] or "")

    def __str__(self) -> str:
        return f"{PREFIX}{self.name}{f'@{self.revision}' if self.revision else ''}"

    def files(self) -> HubFiles:
        """Return the files of the encoder, downloaded if they are not on this machine.

        Raises:
            SourceError: they are missing, incomplete, not in safetensors, or of another kind of network.
            MissingExtraError: the hub's client is not installed.

        """
        path = Path(self.name).expanduser()
        if path.is_dir():
            return self._read(path)
        if _REPOSITORY.fullmatch(self.name) is None:
            raise SourceError(f"{self}: there is no folder {path}; to download one: hf download ORGANISATION/NAME")
        return self._read(self._snapshot())

    def _snapshot(self) -> Path:
        """Return the folder in the hub's cache, after downloading what is missing."""
        try:
            import huggingface_hub as hub
            from huggingface_hub.errors import HfHubHTTPError, RevisionResolutionError
        except ImportError as error:
            raise missing_extra("huggingface_hub", EXTRA, f"the encoder {self}") from error
        cache, revision = hub_cache(), self.revision or None
        try:
            found = Path(hub.snapshot_download(self.name, revision=revision, cache_dir=cache, local_files_only=True))
            if all(any((found / name).exists() for name in names) for names in NEEDED):
                return found
        except OSError:  # not there
            pass
        offline = next((name for name in _OFFLINE if os.environ.get(name, "").upper() in _TRUE), "")
        if offline:
            raise SourceError(f"{self._absent(cache)}, and {offline} forbids a download; {self._elsewhere()}")
        try:
            return Path(
                hub.snapshot_download(self.name, revision=revision, cache_dir=cache, allow_patterns=list(PATTERNS))
            )
        except HfHubHTTPError as error:
            raise SourceError(f"{self._absent(cache)}, and the hub refuses it: {one_line(error)}") from error
        except (OSError, RevisionResolutionError) as error:
            reason = one_line(error.__cause__ or error)
            raise SourceError(
                f"{self._absent(cache)}, and the hub can't be reached ({reason}); {self._elsewhere()}"
            ) from error

    def _absent(self, cache: Path) -> str:
        return f"{self} is not, or not completely, in the cache of the hub, {cache}"

    def _elsewhere(self) -> str:
        folder = self.name.partition("/")[2]
        revision = f" --revision {self.revision}" if self.revision else ""
        return (
            f"on a machine with a network, run: hf download {self.name}{revision} --local-dir {folder}; copy the "
            f"folder here and name it: {PREFIX}./{folder}"
        )

    def _read(self, folder: Path) -> HubFiles:
        config = self._json(folder, CONFIG)
        family = config.get("model_type")
        if family not in FAMILIES:
            raise SourceError(
                f"{self} is a network of the type '{family}'; allowed: {', '.join(FAMILIES)}. Others can be named as "
                "onnx:FILE#TENSOR"
            )
        weights = self._weights(folder)
        front_end = self._front_end(folder)
        digest = hashlib.sha256("".join(map(sha256_file, weights)).encode())
        for settings in (config, front_end):
            digest.update(json.dumps(settings, sort_keys=True).encode())
        return HubFiles(str(self), folder, config, front_end, weights, digest.hexdigest())

    def _weights(self, folder: Path) -> tuple[Path, ...]:
        if (folder / WEIGHTS).exists():
            return (folder / WEIGHTS,)
        if (folder / INDEX).exists():
            named = self._json(folder, INDEX).get("weight_map", {})
            parts = tuple(folder / name for name in sorted(set(named.values())) if Path(name).name == name)
            missing = [part.name for part in parts if not part.exists()]
            if missing or not parts:
                raise SourceError(f"{self}: {folder} lacks {', '.join(missing) or 'the parts'} of its weights")
            return parts
        other = next((path.name for path in sorted(folder.glob(PICKLES))), "")
        given = f"has {other}, which can contain code" if other else "contains no such file"
        raise SourceError(
            f"{self}: weights are read from {WEIGHTS} only, and {folder} {given}. Convert them where you trust them: "
            f"python -c \"from transformers import AutoModel; AutoModel.from_pretrained('{self.name}')"
            ".save_pretrained('FOLDER')\", add preprocessor_config.json, and name hf:./FOLDER; or name a revision that "
            f"has the file, such as {PREFIX}{self.name}@refs/pr/N"
        )

    def _front_end(self, folder: Path) -> Mapping[str, Any]:
        """Return the settings of the front end, of which the sampling rate is needed."""
        for name in FRONT_ENDS:
            if (folder / name).exists():
                found = self._json(folder, name)
                settings = found.get(INSIDE, found)
                if isinstance(settings, dict) and isinstance(settings.get("sampling_rate"), int):
                    return settings
        raise SourceError(
            f"{self}: {folder} has no {FRONT_ENDS[0]} with a sampling_rate, so how its input is computed is unknown; "
            "copy that file of the encoder it was fine-tuned from"
        )

    def _json(self, folder: Path, name: str) -> dict[str, Any]:
        try:
            found = json.loads((folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SourceError(
                f"{self}: {folder} has no {name}; needed are {CONFIG}, {WEIGHTS} and {FRONT_ENDS[0]}"
            ) from None
        except (OSError, ValueError) as error:
            raise SourceError(f"{self}: {folder / name} can't be read: {one_line(error)}") from error
        if not isinstance(found, dict):
            raise SourceError(f"{self}: {folder / name} must contain a JSON object")
        return found
