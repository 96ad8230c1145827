"""Make a trained model one of the shipped ones: python -m scripts.ship_model FOLDER VERSION

The folder is that of a model with a frozen encoder, as `emotone train` prints it. Its network is stored in
`src/emotone/models/shared`, named by its SHA-256, so that models with the same encoder share one file. Afterwards, run
`python -m scripts.model_cards`, which writes the card from the runs under results/.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from emotone.bundles.bundle import SHARED, load_bundle
from emotone.bundles.library import SHIPPED
from emotone.bundles.manifest import MANIFEST, MODEL, manifest_bytes
from emotone.files import atomic_write


def main() -> None:
    """Copy the model and its network."""
    folder, version = Path(sys.argv[1]), sys.argv[2]
    manifest = load_bundle(folder).manifest
    target = SHIPPED / manifest.name
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    SHARED.mkdir(exist_ok=True)
    (target / MODEL).replace(SHARED / f"{manifest.files[MODEL]}{Path(MODEL).suffix}")
    with atomic_write(target / MANIFEST) as stream:
        stream.write(manifest_bytes(replace(manifest, version=version)))
    load_bundle(target).check()
    print(target)


if __name__ == "__main__":
    main()
