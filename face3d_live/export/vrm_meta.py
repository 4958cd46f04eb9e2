"""What a VRM 1.0 file says of its author and of who may use it. Light to import.

Source: vrm-c/vrm-specification, `VRMC_vrm-1.0/meta.md`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LICENCE_URL = "https://vrm.dev/licenses/1.0/"
#: What the format lets an author permit, its key -> the values, the strictest first: that is the default.
PERMISSIONS: dict[str, tuple[str | bool, ...]] = {
    "avatarPermission": ("onlyAuthor", "onlySeparatelyLicensedPerson", "everyone"),
    "commercialUsage": ("personalNonProfit", "personalProfit", "corporation"),
    "creditNotation": ("required", "unnecessary"),
    "modification": ("prohibited", "allowModification", "allowModificationRedistribution"),
    "allowRedistribution": (False, True),
    "allowExcessivelyViolentUsage": (False, True),
    "allowExcessivelySexualUsage": (False, True),
    "allowPoliticalOrReligiousUsage": (False, True),
    "allowAntisocialOrHateUsage": (False, True),
}
#: Keys of free text beside them.
TEXTS = ("version", "copyrightInformation", "contactInformation", "thirdPartyLicenses", "otherLicenseUrl")


@dataclass(frozen=True)
class VrmMeta:
    """Who made the avatar and who may use it. authors: one at least. licence: keys of `PERMISSIONS` and `TEXTS`; what
    it lacks is forbidden. Raises ValueError for what the format does not have.
    """

    name: str = "head"
    authors: tuple[str, ...] = ("not stated",)
    licence: dict[str, str | bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.authors or not all(author.strip() for author in self.authors):
            raise ValueError("a VRM needs a name and an author")
        for key, value in self.licence.items():
            known = PERMISSIONS.get(key)
            if known is None and key not in TEXTS:
                raise ValueError(f"VRM licence: {key} is none of {', '.join((*PERMISSIONS, *TEXTS))}")
            if known is None and not isinstance(value, str):
                raise ValueError(f"VRM licence: {key} is text")
            if known is not None and not any(type(value) is type(one) and value == one for one in known):
                raise ValueError(f"VRM licence: {key} is one of {', '.join(map(_said, known))}")

    @classmethod
    def of(cls, name: str | None, authors: Iterable[str], licence: Iterable[str]) -> VrmMeta:
        """licence: KEY=VALUE as on a command line. Raises ValueError."""
        given: dict[str, str | bool] = {}
        for pair in licence:
            key, equals, value = pair.partition("=")
            if not equals:
                raise ValueError(f"VRM licence: expected KEY=VALUE, got {pair}")
            yes_no = isinstance(PERMISSIONS.get(key, ("",))[0], bool)
            given[key] = {"true": True, "false": False}.get(value, value) if yes_no else value
        return cls(name or cls.name, tuple(authors) or cls.authors, given)

    def to_json(self) -> dict[str, Any]:
        """The extension's `meta`, every permission said."""
        permissions = {key: values[0] for key, values in PERMISSIONS.items()}
        return {
            "name": self.name,
            "authors": list(self.authors),
            "licenseUrl": LICENCE_URL,
            **permissions,
            **self.licence,
        }


def _said(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
