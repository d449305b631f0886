"""Where the parts of a schema stand, and what its references point at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from labtools.mock.schema.conjunction import Part, Schema

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
IN_PLACE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas")
OF_MEMBERS = ("patternProperties", "additionalProperties", "unevaluatedProperties")
OF_ITEMS = ("items", "contains", "unevaluatedItems", "additionalItems")
MAPS = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
_NESTED = (*IN_PLACE, *OF_MEMBERS, *OF_ITEMS, *MAPS, "prefixItems", "propertyNames")
_SOME_SCHEMA = {"type": "object"}


class References:
    """The parts of one schema, and what its references point at.

    `pointers` has the JSON pointer of each part, by the identity of the object.
    """

    def __init__(self, root: Schema) -> None:
        self._resources: dict[str, Schema] = {"": root}
        self._anchors: dict[tuple[str, str], Schema] = {}
        self._bases: dict[int, str] = {}
        dialect = root.get("$schema") if isinstance(root, dict) else None
        self._id = "id" if "draft-04" in str(dialect) else "$id"
        self.pointers: dict[int, str] = {}
        waiting: list[tuple[Schema, str, str]] = [(root, "", "#")]
        while waiting:
            schema, base, pointer = waiting.pop()
            if not isinstance(schema, dict):
                continue
            base = self._name(schema, base)
            self._bases[id(schema)] = base
            self.pointers[id(schema)] = pointer
            for keyword in _NESTED:
                value = schema.get(keyword)
                if isinstance(value, list):
                    children: Iterator[tuple[Any, Any]] = iter(enumerate(value))
                elif keyword in MAPS and isinstance(value, dict):
                    children = iter(value.items())
                else:
                    waiting.append((value, base, f"{pointer}/{keyword}"))
                    continue
                for name, child in children:
                    token = str(name).replace("~", "~0").replace("/", "~1")
                    waiting.append((child, base, f"{pointer}/{keyword}/{token}"))

    def target(self, part: Part, reference: str) -> Schema:
        """What a reference in this part points at."""
        base = self._bases.get(id(part), "")
        uri, _, fragment = reference.partition("#")
        base = urljoin(base, uri) if uri else base
        fragment = unquote(fragment)
        if fragment and not fragment.startswith("/"):
            found = self._anchors.get((base, fragment))
        else:
            found = self._resources.get(base)
            for token in fragment.split("/")[1:]:
                found = _step(found, token.replace("~1", "/").replace("~0", "~"))
        # It was valid, so what is not in this schema is one of the published meta-schemas.
        return _SOME_SCHEMA if found is None else found

    def _name(self, schema: dict[str, Any], base: str) -> str:
        name = schema.get(self._id)
        if isinstance(name, str) and name.startswith("#"):
            self._anchors[base, name[1:]] = schema
        elif isinstance(name, str):
            base = urljoin(base, name).removesuffix("#")
            self._resources.setdefault(base, schema)
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(schema.get(keyword), str):
                self._anchors[base, schema[keyword]] = schema
        return base


def _step(node: Any, token: str) -> Any:
    if isinstance(node, dict):
        return node.get(token)
    if isinstance(node, list) and token.isdecimal() and int(token) < len(node):
        return node[int(token)]
    return None
