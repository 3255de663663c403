"""Jinja filters for money, quantities and time. Pure: the output depends on the arguments alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_timedelta
from babel.dates import parse_pattern as parse_date_pattern
from babel.numbers import NumberPattern, format_compact_decimal, get_currency_symbol, parse_pattern
from flask import Flask
from markupsafe import Markup

from app.kit.money import exponent, to_major

NO_BREAK = "\u00a0"
# Babel reads patterns and locales anew for each number, which takes longer than formatting it.
_find_locale = lru_cache(Locale.parse)
_QUANTITY, _PERCENT = parse_pattern("#,##0.######"), parse_pattern("#,##0.#")
_WHEN, _DAY, _LONG_DAY, _CLOCK = map(parse_date_pattern, ("d MMM y, HH:mm", "d MMM y", "d MMMM y", "HH:mm"))


def money(minor: int, currency: str, locale: str = "en") -> str:
    """An amount in the currency's minor unit: 4900 USD is $49.00, 4900 JPY is ¥4,900, 4900 KWD is KWD 4.900."""
    return estimate(to_major(minor, exponent(currency)), currency, locale)


def brand(name: str | None) -> str:
    """A card brand as people write it: american_express is American Express; None is Card."""
    return (name or "card").replace("_", " ").title()


def payment_method(name: str | None, last4: str | None, between: str = " ") -> str:
    """What pays: "Visa 4242", or its kind alone if it has no number (Link); empty if there is nothing."""
    if last4:
        return f"{brand(name)}{between}{last4}"
    return brand(name) if name else ""


def estimate(amount: Decimal, currency: str, locale: str = "en") -> str:
    """An exact amount in major units, displayed with the decimals of its minor unit; only the display is rounded."""
    places = exponent(currency)
    return unit_price(amount, currency, locale, places=places, most=places)


def round_money(amount: Decimal, currency: str, locale: str = "en") -> str:
    """The price of a plan, as `estimate`, but without decimals that are all zero: $49, $49.50, KWD 15."""
    places = 0 if amount == amount.to_integral_value() else exponent(currency)
    return unit_price(amount, currency, locale, places=places, most=max(places, exponent(currency)))


def unit_price(amount: Decimal, currency: str, locale: str = "en", places: int = 4, most: int = 12) -> str:
    """The price of one unit, with at least `places` and at most 12 decimals (`most`) and no rounding.

    Babel's `format_currency` would round 0.0010 to the currency's two places: $0.00.
    """
    pattern = _find_pattern(currency, locale, places, most)
    formatted: str = pattern.apply(amount, locale, currency=currency, currency_digits=False)
    return formatted


@lru_cache(maxsize=256)
def _find_pattern(currency: str, locale: str, places: int, most: int) -> NumberPattern:
    """The locale's pattern for amounts, with a space between a currency that ends in a letter and its number: KWD 3.

    Babel does not apply CLDR's rule for that: https://unicode.org/reports/tr35/tr35-numbers.html#Currencies
    """
    written: str = Locale.parse(locale).currency_formats["standard"].pattern
    spaced = get_currency_symbol(currency, locale)[-1].isalpha()
    pattern = parse_pattern(written.replace("\u00a4#", f"\u00a4{NO_BREAK}#") if spaced else written)
    pattern.frac_prec = (places, most)
    return pattern


@lru_cache(maxsize=8192)
def quantity(value: Decimal | int, locale: str = "en") -> str:
    """The exact number, digits grouped by thousands: 1,234,567.5. Kept, since pages have hundreds and repeat most."""
    formatted: str = _QUANTITY.apply(value or 0, _find_locale(locale))
    return formatted


@lru_cache(maxsize=8192)
def compact(value: Decimal | int, locale: str = "en") -> Markup:
    """Short, such as 12.3M, with the exact value as title; values below 10,000 are shown in full."""
    exact = quantity(value, locale)
    if -10_000 < value < 10_000:
        return Markup("{}").format(exact)
    short = format_compact_decimal(value, locale=locale, fraction_digits=1)
    return Markup('<span title="{}">{}</span>').format(exact, short)


def percent(value: Decimal | int, locale: str = "en") -> str:
    """A percentage, to one place: 82.5 is "82.5 %", with a non-breaking space."""
    return f"{_PERCENT.apply(value, _find_locale(locale))}{NO_BREAK}%"


def share(percentage: int, part: Decimal | int) -> str:
    """A whole percentage of something: "82 %", and "<1 %" where the part is above 0 but its percentage is not."""
    return f"<1{NO_BREAK}%" if percentage == 0 and part > 0 else f"{percentage}{NO_BREAK}%"


@lru_cache(maxsize=8192)
def when(at: datetime, zone: str = "UTC", locale: str = "en") -> Markup:
    """An instant in the org's time zone, with its name: <time datetime="...Z">1 Dec 2026, 00:00 Europe/Berlin</time>

    Kept, since a page that is looked at shows the same events again and again.
    """
    text = _WHEN.apply(at.astimezone(ZoneInfo(zone)), _find_locale(locale))
    return _time(at, f"{text} {zone}".replace(" ", NO_BREAK, 2))


def day(at: datetime | date, zone: str = "UTC", locale: str = "en", *, plain: bool = False) -> Markup | str:
    """The date of an instant in the org's time zone, or a date as it is; `plain` returns text without markup."""
    local = at.astimezone(ZoneInfo(zone)).date() if isinstance(at, datetime) else at
    if plain:
        return str(_LONG_DAY.apply(local, _find_locale(locale)))
    text = _DAY.apply(local, _find_locale(locale)).replace(" ", NO_BREAK)
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(), text)


def clock(at: datetime, zone: str = "UTC", locale: str = "en") -> str:
    """The time of day in the org's time zone, with the zone: "00:00 Europe/Berlin"."""
    return f"{_CLOCK.apply(at.astimezone(ZoneInfo(zone)), _find_locale(locale))}{NO_BREAK}{zone}"


def relative(at: datetime, now: datetime, locale: str = "en") -> Markup:
    """How long ago or from now, with the instant as title: "in 9 days", "12 seconds ago"."""
    text = format_timedelta(at - now, add_direction=True, threshold=2, locale=locale)
    return _time(at, text, title=_utc(at))


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _time(at: datetime, text: str, title: str | None = None) -> Markup:
    if title:
        return Markup('<time datetime="{}" title="{}">{}</time>').format(_utc(at), title, text)
    return Markup('<time datetime="{}">{}</time>').format(_utc(at), text)


def register(app: Flask) -> None:
    """Add the filters to the app's templates."""
    amounts, times = (money, estimate, round_money, unit_price), (when, day, clock, relative)
    for function in (*amounts, quantity, compact, percent, share, *times):
        app.jinja_env.filters[function.__name__] = function
