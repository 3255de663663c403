"""Decodes Stripe's form encoding: `items[0][price]=x&expand[]=y` becomes nested dicts and lists."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from sandbox.standin.errors import invalid

Form = dict[str, Any]
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse_form(*texts: str) -> Form:
    """Parse the texts (query, body) into one dict. Leaves are strings; numeric keys stay, as metadata may have them.

    Raises 400 for a malformed name, a repeated name, or a name that is both a value and a group.
    """
    root: Form = {}
    for raw, value in parse_qsl("&".join(text for text in texts if text), keep_blank_values=True):
        match = _NAME.fullmatch(raw)
        if match is None:
            raise invalid(f"Invalid parameter name: {raw}", param=raw)
        _put(root, [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])], value, raw)
    return root


def _put(root: Form, keys: list[str], value: str, raw: str) -> None:
    """Store `value` at the position that `keys` name; an empty key appends to a list."""
    node: Any = root
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        child: Any = value if following is None else [] if following == "" else {}
        if isinstance(node, list):
            last = node[-1] if node else None
            if isinstance(last, dict) and following is not None and following not in last:
                node = last  # a[][x]=1&a[][y]=2 is one item
                continue
            node.append(child)
            node = child
        elif isinstance(node, dict) and (following is not None or key not in node):
            node = node.setdefault(key, child)
        else:
            raise invalid(f"Invalid parameter: {raw} is given twice or is both a value and a group", param=raw)
        if following is not None and isinstance(node, str):
            raise invalid(f"Invalid parameter: {raw} is both a value and a group", param=raw)
