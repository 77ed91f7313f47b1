"""The smallest value that fits a JSON schema: enough for tool arguments and structured answers."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 8

FORMATS = (
    ("date-time", "2026-01-01T00:00:00Z"),
    ("date", "2026-01-01"),
    ("time", "00:00:00Z"),
    ("email", "x@example.com"),
    ("uuid", "00000000-0000-4000-8000-000000000000"),
    ("uri", "https://example.com/"),
)


def sample(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """A value that fits; `pattern` and `not` are not understood."""
    if not isinstance(schema, dict):
        return "x"
    root = schema if root is None else root
    if "$ref" in schema:
        return sample(_resolve(schema["$ref"], root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for word in ("anyOf", "oneOf"):
        if schema.get(word):
            return sample(_shallowest(schema[word], depth), root, depth + 1)
    if schema.get("allOf"):
        return sample(_together(schema, root), root, depth + 1)
    return _by_type(schema, root, depth)


def _by_type(schema: dict[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
    if kind == "object":
        return _object(schema, root, depth)
    if kind == "array":
        count = schema.get("minItems", 1 if depth < MAX_DEPTH else 0)
        return [sample(schema.get("items", {}), root, depth + 1) for _ in range(count)]
    if kind in {"number", "integer"}:
        return _number(schema)
    if kind == "boolean":
        return True
    if kind == "null":
        return None
    text = next((value for name, value in FORMATS if name == schema.get("format")), "x")
    return text.ljust(int(schema.get("minLength", 0)), "x")


def _object(schema: dict[str, Any], root: Any, depth: int) -> dict[str, Any]:
    # Past the depth only what must be there, so that a recursive schema comes to an end.
    required = schema.get("required", [])
    names = schema.get("properties", {})
    return {
        name: sample(inner, root, depth + 1)
        for name, inner in names.items()
        if depth < MAX_DEPTH or name in required
    }


def _number(schema: dict[str, Any]) -> Any:
    value = 1
    if "maximum" in schema:
        value = min(value, schema["maximum"])
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        value = schema["exclusiveMaximum"] - 1
    if "minimum" in schema:
        value = max(value, schema["minimum"])
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        value = schema["exclusiveMinimum"] + 1
    return value


def _shallowest(options: list[Any], depth: int) -> Any:
    if depth >= MAX_DEPTH:
        for option in options:
            if isinstance(option, dict) and option.get("type") == "null":
                return option
    return options[0]


def _together(schema: dict[str, Any], root: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        inner = _resolve(part["$ref"], root) if "$ref" in part else part
        for key, value in inner.items():
            if key == "properties":
                whole[key] = {**whole.get(key, {}), **value}
            elif key == "required":
                whole[key] = [*whole.get(key, []), *value]
            else:
                whole[key] = value
    return whole


def _resolve(ref: str, root: Any) -> Any:
    found = root
    for step in ref.removeprefix("#").strip("/").split("/"):
        if step:
            found = found.get(step.replace("~1", "/").replace("~0", "~"), {})
    return found
