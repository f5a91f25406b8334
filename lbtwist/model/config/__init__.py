"""The configuration: one schema, and what is made of it.

Pure: the files are read by `lbtwist.service.configfile`.
"""

from lbtwist.model.config.advice import warnings
from lbtwist.model.config.certificate import CertificateSettings
from lbtwist.model.config.discovery import DiscoverySettings
from lbtwist.model.config.document import Part
from lbtwist.model.config.draining import DrainingSettings, Recovery, Rejoin
from lbtwist.model.config.group import GroupSettings, ServerSettings
from lbtwist.model.config.health_check import HealthCheckSettings
from lbtwist.model.config.jsonschema import json_schema
from lbtwist.model.config.parsing import parse, parse_parts
from lbtwist.model.config.persistence import PersistenceSettings
from lbtwist.model.config.plain import plain
from lbtwist.model.config.quorum import Quorum
from lbtwist.model.config.reference import EXAMPLE, reference
from lbtwist.model.config.rules import RuleSettings
from lbtwist.model.config.schema import (
    AccessLogSettings,
    Config,
    ConsoleSettings,
    ListenerSettings,
    LoadBalancerSettings,
    StatusSettings,
)
from lbtwist.model.config.secret import Secret

__all__ = [
    "EXAMPLE",
    "AccessLogSettings",
    "CertificateSettings",
    "Config",
    "ConsoleSettings",
    "DiscoverySettings",
    "DrainingSettings",
    "GroupSettings",
    "HealthCheckSettings",
    "ListenerSettings",
    "LoadBalancerSettings",
    "Part",
    "PersistenceSettings",
    "Quorum",
    "Recovery",
    "Rejoin",
    "RuleSettings",
    "Secret",
    "ServerSettings",
    "StatusSettings",
    "json_schema",
    "parse",
    "parse_parts",
    "plain",
    "reference",
    "warnings",
]
