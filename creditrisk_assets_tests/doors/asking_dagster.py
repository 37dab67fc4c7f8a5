"""Every mutation of a Dagster that runs, asked as its schema describes it."""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } }"
_SCHEMA = f"""{{ __schema {{ mutationType {{ name }} types {{
    kind name possibleTypes {{ name }} enumValues {{ name }} inputFields {{ name type {{ {_TYPE} }} }}
    fields {{ name args {{ name type {{ {_TYPE} }} }} type {{ {_TYPE} }} }}
}} }} }}"""
_SAID = {
    "PythonError": "message", "TerminateRunFailure": "message", "UnauthorizedError": "message",
    "TerminateRunsResult": "terminateRunResults { __typename ... on TerminateRunFailure { message } }",
    "LaunchMultipleRunsResult": "launchMultipleRunsResult { __typename }",
}  # fmt: skip
"""What an answer says beside its name."""
_SCALARS = {"Int": 1, "BigInt": "1", "Float": 1.0, "Boolean": False, "RunConfigData": {}, "JSONString": "{}"}


@dataclass(frozen=True)
class Graph:
    """The GraphQL of a webserver; `known` are values of arguments by name, so that what is asked for is there."""

    url: str
    known: Mapping[str, Any]

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What is answered, errors among it."""
        body = json.dumps({"query": query, "variables": variables or {}}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            found = json.load(error)
        return found

    def mutations(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """Every mutation by its name, as a query with variables that fill whatever it asks for."""
        schema = self.ask(_SCHEMA)["data"]["__schema"]
        types = {one["name"]: one for one in schema["types"]}
        root = types[schema["mutationType"]["name"]]
        return {field["name"]: self._asked(field, types) for field in root["fields"]}

    def _asked(self, field: dict[str, Any], types: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        given = {
            one["name"]: self.known.get(f"{field['name']}.{one['name']}", self._value(one["name"], one["type"], types))
            for one in field["args"]
        }
        declared = ", ".join(f"${one['name']}: {_written(one['type'])}" for one in field["args"])
        passed = ", ".join(f"{name}: ${name}" for name in given)
        head, call = (f"({declared})", f"({passed})") if given else ("", "")
        inner = field["type"]
        while inner.get("ofType"):
            inner = inner["ofType"]
        possible = [one["name"] for one in types[inner["name"]]["possibleTypes"] or ()]
        said = " ".join(f"... on {name} {{ {_SAID[name]} }}" for name in possible if name in _SAID)
        asked = "" if inner["kind"] in ("SCALAR", "ENUM") else f"{{ __typename {said} }}"
        return f"mutation{head} {{ {field['name']}{call} {asked} }}", given

    def _value(self, name: str, type_: dict[str, Any], types: dict[str, Any]) -> Any:
        if type_["kind"] == "NON_NULL":
            return self._value(name, type_["ofType"], types)
        if name in self.known:
            return self.known[name]
        if type_["kind"] == "LIST":
            return [self._value(name, type_["ofType"], types)]
        if type_["kind"] == "ENUM":
            return types[type_["name"]]["enumValues"][0]["name"]
        if type_["kind"] == "INPUT_OBJECT":
            fields = types[type_["name"]]["inputFields"]
            needed = [one for one in fields if one["type"]["kind"] == "NON_NULL" or one["name"] in self.known]
            return {one["name"]: self._value(one["name"], one["type"], types) for one in needed}
        return _SCALARS.get(type_["name"], "some")


def _written(type_: dict[str, Any]) -> str:
    if type_["kind"] == "NON_NULL":
        return f"{_written(type_['ofType'])}!"
    return f"[{_written(type_['ofType'])}]" if type_["kind"] == "LIST" else str(type_["name"])
