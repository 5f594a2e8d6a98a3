"""Prints the OpenAPI document of the reference. Its one argument is a folder to work in."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parents[2] / "oracle"))

from joserfc.jwk import KeySet, OKPKey  # noqa: E402
from service import build  # noqa: E402

folder = Path(sys.argv[1])
keystore = folder / "keys.json"
key = OKPKey.generate_key(parameters={"key_ops": ["sign", "verify"], "alg": "Ed25519", "kid": "1"})
keystore.write_text(json.dumps(KeySet([key]).as_dict(private=True)))
args = SimpleNamespace(
    jobdb=f"sqlite+aiosqlite:///{folder}/jobs.db",
    loggingdb=f"sqlite+aiosqlite:///{folder}/log.db",
    keystore=keystore,
    issuer="http://lhcbdirac.cern.ch/",
    vo=["lhcb"],
    wal=False,
)
print(json.dumps(build(args, folder).openapi()))
