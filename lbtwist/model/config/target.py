"""Where a server of the configuration is: at an address, or wherever a name leads."""

from __future__ import annotations

from lbtwist.model import address, hostname
from lbtwist.model.address import Address, parse_address
from lbtwist.model.hostname import HostName, parse_host, parse_host_name

Target = Address | HostName
FORMS = f"{address.FORMS.replace(' or ', ', ')} or {hostname.FORM}"


def parse_target(text: str, default_port: int | None = None) -> Target:
    """Read `10.0.0.1:8080`, `[::1]:8080`, `unix:/path` or `app1.internal:8080`.

    `default_port` is used where `text` has no port. Raises ValueError with what is allowed.
    """
    if _is_named(text):
        return parse_host_name(text, default_port)
    try:
        return parse_address(text, default_port)
    except ValueError as error:
        # Its words know of addresses alone.
        raise ValueError(str(error).replace(address.FORMS, FORMS)) from None


def _is_named(text: str) -> bool:
    """Whether a host's name stands where the address would. Two colons are of an address as `fe80::1`."""
    host, _, port = text.partition(":")
    try:
        parse_host(host)
    except ValueError:
        return False
    return ":" not in port and not text.startswith("unix:")
