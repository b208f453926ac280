"""What the types of the API are built from: field types with their bounds, and rules that span fields.

A rule stands once, in both of its forms: as CEL, which the API server evaluates, and as a Python predicate, which
`tfmodel run` and the operator evaluate without one. A contract test holds the two forms against each other.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from tfmodel.api.quantities import DURATION_PATTERN, QUANTITY_PATTERN

DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
COMPARISON_PATTERN = r"^(>=|<=|==|>|<) ?-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$"


@dataclass(frozen=True, slots=True)
class Rule:
    """One constraint over several fields of a value.

    `cel` is the expression for `x-kubernetes-validations` (Kubernetes' CEL, `self` is the value); `check` answers the
    same for the parsed value. `message` names the field and the fix. `check` is None for a transition rule, which needs
    the stored object (`oldSelf`) and so only the API server can evaluate it.
    """

    cel: str
    message: str
    check: Callable[[Any], bool] | None
    field_path: str | None = None

    def to_json(self) -> dict[str, str]:
        """The rule as an element of `x-kubernetes-validations`."""
        path = {"fieldPath": self.field_path} if self.field_path else {}
        return {"rule": self.cel, "message": self.message, **path}


class ApiValue(BaseModel):
    """A part of the resource: camelCase on the wire, immutable; unknown fields and "3" for 3 are refused, as by the API server."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
        use_attribute_docstrings=True,
    )

    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _rules_hold(self) -> Self:
        for rule in self.rules:
            if rule.check is not None and not rule.check(self):
                raise ValueError(rule.message)
        return self

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /) -> JsonSchemaValue:
        """Adds the rules in their CEL form to the schema of the value."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.rules:
            schema["x-kubernetes-validations"] = [rule.to_json() for rule in cls.rules]
        return schema

    def to_json(self) -> dict[str, Any]:
        """The value as the API server would send it: camelCase, fields that are not set left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Name = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
Key = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Size = Annotated[str, Field(min_length=1, max_length=32, pattern=QUANTITY_PATTERN)]
Port = Annotated[int, Field(ge=1, le=65535)]
Version = Annotated[int, Field(ge=1, le=2**53)]
Duration = Annotated[str, Field(min_length=2, max_length=12, pattern=DURATION_PATTERN)]
Comparison = Annotated[str, Field(min_length=2, max_length=40, pattern=COMPARISON_PATTERN)]
ResourceQuantity = Annotated[
    Annotated[str, Field(pattern=QUANTITY_PATTERN)],
    BeforeValidator(_as_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "x-kubernetes-int-or-string": True,
            "pattern": QUANTITY_PATTERN,
        }
    ),
]
StringMap = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=64)]
OpenObject = Annotated[dict[str, Any], WithJsonSchema({"type": "object", "x-kubernetes-preserve-unknown-fields": True})]


def map_list(*keys: str) -> dict[str, Any]:
    """Schema extension of a list that server-side apply merges by `keys`."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def once(*keys: str) -> AfterValidator:
    """The offline form of a list of type `map` (by wire names of its keys) or, without keys, of type `set`."""

    def check(found: list[Any]) -> list[Any]:
        named = [tuple(getattr(one, _python_name(one, key)) for key in keys) if keys else one for one in found]
        if len(set(named)) < len(named):
            raise ValueError(f"duplicate value: each {' and '.join(keys) or 'entry'} may be there once")
        return found

    return AfterValidator(check)


DEFAULTED: dict[str, Any] = {"default": {}}

ATOMIC: dict[str, Any] = {"x-kubernetes-list-type": "atomic"}


def exactly_one(*fields: str, fix: str) -> Rule:
    """The rule that just one of `fields` (wire names) is set."""
    cel = f"[{', '.join(f'has(self.{name})' for name in fields)}].exists_one(set, set)"

    def check(value: ApiValue) -> bool:
        return sum(getattr(value, _python_name(value, name)) is not None for name in fields) == 1

    return Rule(cel=cel, message=f"exactly one of {', '.join(fields)} must be set: {fix}", check=check)


def _python_name(value: ApiValue, wire_name: str) -> str:
    fields = type(value).model_fields
    return next(name for name, field in fields.items() if (field.alias or name) == wire_name)
