"""Tells addresses of this machine from those of others, by their text alone: no name is looked up."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

import psycopg
from psycopg.conninfo import conninfo_to_dict


def is_loopback(host: str) -> bool:
    """Whether a host name or address, IPv6 with or without brackets, is this machine's own.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.1", "[::1]", "localhost.example.com", "10.0.0.1")]
    [True, True, True, False, False]
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_local_database(url: str, env: Mapping[str, str]) -> bool:
    """Whether a connection string leads to a unix socket or a loopback address, as libpq reads it.

    libpq tries every host of a list, prefers `hostaddr`, and takes what is missing from PGHOSTADDR and PGHOST; a
    service file may name any host. False for a string that libpq cannot parse.
    """
    try:
        told = conninfo_to_dict(url)
    except psycopg.Error:
        return False
    if told.get("service") or env.get("PGSERVICE"):
        return False
    hosts = told.get("hostaddr") or told.get("host") or env.get("PGHOSTADDR") or env.get("PGHOST") or ""
    return all(not host or host.startswith(("/", "@")) or is_loopback(host) for host in str(hosts).split(","))
