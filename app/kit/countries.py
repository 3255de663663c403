"""Countries by ISO 3166-1 code, which is how tax offices and payment providers name them."""

from __future__ import annotations

import re
from functools import cache

from babel import Locale

# Codes of CLDR that are no country's: the European Union, the United Nations, pseudo-locales and the like.
_NO_COUNTRIES = frozenset({"EU", "EZ", "UN", "QO", "XA", "XB", "ZZ"})
_CODE = re.compile("[A-Z]{2}")


@cache
def list_countries(locale: str = "en") -> dict[str, str]:
    """List the names of all countries by code, sorted by name."""
    names: dict[str, str] = dict(Locale(locale).territories)
    known = {code: name for code, name in names.items() if _CODE.fullmatch(code) and code not in _NO_COUNTRIES}
    return dict(sorted(known.items(), key=lambda item: item[1]))
