"""Writes configuration.md and lbtwist.schema.json beside this file, from the schema."""

from __future__ import annotations

import json
from pathlib import Path

from lbtwist.model.config import json_schema, reference

HERE = Path(__file__).parent


def pages() -> dict[str, str]:
    """What is made, by file name."""
    return {
        "configuration.md": reference(),
        "lbtwist.schema.json": json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n",
    }


if __name__ == "__main__":
    for name, content in pages().items():
        (HERE / name).write_text(content, encoding="utf-8")
