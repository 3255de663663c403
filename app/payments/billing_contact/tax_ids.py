"""Which kind of tax id Stripe takes a number for, by country. Pure. Source: https://docs.stripe.com/billing/customer/tax-ids"""

from __future__ import annotations

import re

_EU = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU", "LV",
     "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"}
)  # fmt: skip
_PREFIXES = {"GR": "EL"}  # Greece writes its numbers with another code than its own
_TYPES = {
    "AE": "ae_trn", "AR": "ar_cuit", "AU": "au_abn", "BR": "br_cnpj", "CA": "ca_bn", "CH": "ch_vat", "CL": "cl_tin",
    "CN": "cn_tin", "CO": "co_nit", "EG": "eg_tin", "GB": "gb_vat", "GE": "ge_vat", "HK": "hk_br", "ID": "id_npwp",
    "IL": "il_vat", "IN": "in_gst", "IS": "is_vat", "JP": "jp_trn", "KE": "ke_pin", "KR": "kr_brn", "LI": "li_vat",
    "MX": "mx_rfc", "MY": "my_sst", "NG": "ng_tin", "NO": "no_vat", "NZ": "nz_gst", "PE": "pe_ruc", "PH": "ph_tin",
    "RS": "rs_pib", "SA": "sa_vat", "SG": "sg_gst", "TH": "th_vat", "TR": "tr_tin", "TW": "tw_vat", "UA": "ua_vat",
    "US": "us_ein", "UY": "uy_ruc", "VN": "vn_tin", "ZA": "za_vat",
}  # fmt: skip


def find_tax_id(country: str | None, number: str | None) -> tuple[str, str] | None:
    """Find type and value of a tax id as Stripe takes them; None if there is no number, or no type for its country.

    Worked example: Germany, "123 456 789" is ("eu_vat", "DE123456789").
    """
    if not country or not number:
        return None
    if country not in _EU:
        kind = _TYPES.get(country)
        return (kind, number.strip()) if kind else None
    value = re.sub(r"[\s.-]", "", number).upper()
    prefix = _PREFIXES.get(country, country)
    return "eu_vat", value if value.startswith(prefix) else f"{prefix}{value}"
