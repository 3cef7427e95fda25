"""Asks a served model about one penguin: python ask.py URL."""

from __future__ import annotations

import json
import sys
from urllib.request import Request, urlopen

penguin = {
    "bill_length_mm": 39.1,
    "bill_depth_mm": 18.7,
    "flipper_length_mm": 181,
    "body_mass_g": 3750,
    "year": 2007,
    "island": "Torgersen",
    "sex": None,
}

if __name__ == "__main__":
    body = json.dumps({"rows": [penguin]}).encode()
    request = Request(sys.argv[1] + "/predict", body, {"Content-Type": "application/json"})
    with urlopen(request) as answer:
        print(json.dumps(json.load(answer), indent=1))
