"""Decodes Stripe's form encoding: `items[0][price]=x&expand[]=y` to nested dicts and lists."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.standin.errors import invalid

Form = dict[str, Any]
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse_form(*texts: str) -> Form:
    """One dict of all texts (query, body). Leaves are strings; numbered keys stay keys, since metadata may have such.

    Raises a 400 for a malformed name, a name given twice, or one that is both a value and a group.
    """
    root: Form = {}
    for raw, value in parse_qsl("&".join(text for text in texts if text), keep_blank_values=True):
        match = _NAME.fullmatch(raw)
        if match is None:
            raise invalid(f"Invalid parameter name: {raw}", param=raw)
        _put(root, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, raw)
    return root


def _put(root: Form, keys: list[str], value: str, raw: str) -> None:
    """Walk to the place that `keys` name and leave `value` there; an empty key means the end of a list."""
    node: Any = root
    for here, following in zip(keys, [*keys[1:], None], strict=True):
        fresh: Any = value if following is None else [] if following == "" else {}
        if isinstance(node, list):
            last = node[-1] if node else None
            if isinstance(last, dict) and following is not None and following not in last:
                node = last  # a[][x]=1&a[][y]=2 is one item
                continue
            node.append(fresh)
            node = fresh
        elif isinstance(node, dict) and (following is not None or here not in node):
            node = node.setdefault(here, fresh)
        else:
            raise invalid(f"Invalid parameter: {raw} is given twice or is both a value and a group", param=raw)
        if following is not None and isinstance(node, str):
            raise invalid(f"Invalid parameter: {raw} is both a value and a group", param=raw)
