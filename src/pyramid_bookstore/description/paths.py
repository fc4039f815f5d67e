"""The paths of the OpenAPI document: parameters, answers and errors of each operation."""

from collections.abc import Iterator, Mapping

from pyramid_bookstore.catalogue.declared import Declared
from pyramid_bookstore.description import headers, problems
from pyramid_bookstore.description.described import Answer, Content, DescribedOperation
from pyramid_bookstore.description.operations import DESCRIBED, PATH_PARAMETERS
from pyramid_bookstore.description.own_types import Schema
from pyramid_bookstore.description.schema_parts import property_schema, ref
from pyramid_bookstore.settings import Settings
from pyramid_bookstore.values.parameters import Repeated
from pyramid_bookstore.web.operation import Operation, Resource

#: The name of the security scheme.
SCHEME = "credentials"

#: The errors of an operation with ``Idempotency-Key``.
_IDEMPOTENT = ("idempotency_in_progress", "idempotency_key_reused")


class Paths:
    """The operations of one mount; collects the responses that they share."""

    def __init__(self, settings: Settings, declared: Declared, *, guarded: bool) -> None:
        """``guarded`` is whether the application has a security policy."""
        self.settings = settings
        self.declared = declared
        self.guarded = guarded
        #: ``#/components/responses`` that the paths refer to.
        self.responses: dict[str, Schema] = {}

    def item(self, resource: Resource) -> Schema:
        """All methods of a path but OPTIONS, which is the same for all paths."""
        item: Schema = {}
        parameters = [
            {"name": name, "in": "path", "required": True, **PATH_PARAMETERS[name]}
            for name in names_in(resource.path)
        ]
        if parameters:
            item["parameters"] = parameters
        for operation in resource.operations:
            described = DESCRIBED[operation.method, resource.path]
            item[operation.method.lower()] = self._operation(operation, described, resource.path)
        if "get" in item:
            item["head"] = self._head(item["get"])
        return item

    def _operation(self, operation: Operation, described: DescribedOperation, path: str) -> Schema:
        result: Schema = {
            "operationId": described.id,
            "tags": [described.tag],
            "summary": described.summary,
        }
        if described.text:
            result["description"] = described.text
        result["parameters"] = [*self._query(described), *self._headers(operation, described)]
        if described.body:
            result["requestBody"] = {"required": True, "content": _content(described.body)}
        answers = described.answers
        result["responses"] = {str(status): _answer(answers[status]) for status in sorted(answers)}
        result["responses"] |= self._refusals(
            codes_of(self.settings, operation, path, guarded=self.guarded)
        )
        result["security"] = self._security(operation)
        return result

    def _head(self, get: Schema) -> Schema:
        """As GET, without a body."""
        identity: str = get["operationId"]
        responses = {}
        for status, response in get["responses"].items():
            if "$ref" in response:
                response = self.responses[response["$ref"].rpartition("/")[2]]
            kept = ("description", "headers")
            responses[status] = {name: response[name] for name in kept}
        return get | {
            "operationId": f"head{identity[0].upper()}{identity[1:]}",
            "summary": f"{get['summary']}: only the headers",
            "responses": responses,
        }

    def _query(self, described: DescribedOperation) -> Iterator[Schema]:
        for node in described.query(self.settings, self.declared) if described.query else ():
            schema = property_schema(node)
            text = schema.pop("description")
            parameter = {"name": node.name, "in": "query", "description": text, "schema": schema}
            if node.required:
                parameter["required"] = True
            if schema["type"] == "array":
                parameter |= {"style": "form", "explode": isinstance(node.typ, Repeated)}
            yield parameter

    def _headers(self, operation: Operation, described: DescribedOperation) -> Iterator[Schema]:
        # An upsert may have another condition instead.
        conditional = {"precondition_required", "not_found"} <= set(described.errors)
        required = self.settings.require_if_match and conditional
        for name in ("X-Request-ID", *described.headers):
            if name == "If-Match" and required:
                yield headers.REQUEST[name] | {"required": True}
            elif name != "Cache-Control" or self.settings.replica is not None:
                yield headers.REQUEST[name]
        if operation.idempotent:
            yield headers.REQUEST["Idempotency-Key"]

    def _refusals(self, codes: set[str]) -> Schema:
        refusals: Schema = {}
        for status, same_status in problems.by_status(codes).items():
            name = problems.response_name(same_status)
            self.responses[name] = problems.response(same_status)
            refusals[str(status)] = {"$ref": f"#/components/responses/{name}"}
        return refusals

    def _security(self, operation: Operation) -> list[Schema]:
        asked = operation.asked_for(self.settings)
        if not (asked and self.guarded):
            return []
        short = {permission.removeprefix("bookstore.") for permission in asked}
        anonymous = not short.isdisjoint(self.settings.anonymous)
        # An empty requirement means that credentials are optional.
        return [{}, {SCHEME: []}] if anonymous else [{SCHEME: []}]


def codes_of(settings: Settings, operation: Operation, path: str, *, guarded: bool) -> set[str]:
    """Every error code that an operation may answer with."""
    described = DESCRIBED[operation.method, path]
    codes = {"bad_request", "internal_error", *described.errors}
    if _asks(settings, operation) and guarded:
        codes |= {"unauthorized", "forbidden"}
    if operation.bare or described.query or described.body:
        codes.add("validation_failed")
    if operation.writes:
        codes.add("unavailable")
    if operation.idempotent:
        codes.update(_IDEMPOTENT)
    if described.body:
        codes |= {"payload_too_large", "unsupported_media_type"}
    if any(kind.endswith(("/json", "+json")) for kind in described.body):
        codes.add("invalid_json")
    if not settings.require_if_match:
        codes.discard("precondition_required")
    return codes


def _asks(settings: Settings, operation: Operation) -> bool:
    """Whether some request asks the policy."""
    own = (*operation.permissions, operation.further_permission)
    return any(map(settings.permission, filter(None, own)))


def names_in(path: str) -> list[str]:
    """The parameters of a path, in their order."""
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _content(content: Mapping[str, Content]) -> Schema:
    return {kind: _media(each) for kind, each in content.items()}


def _media(content: Content) -> Schema:
    schema = ref(content.schema) if isinstance(content.schema, str) else content.schema
    example = {} if content.example is None else {"example": content.example}
    return {"schema": schema, **example}


def _answer(answer: Answer) -> Schema:
    result: Schema = {
        "description": answer.text,
        "headers": headers.refs(*answer.headers),
    }
    if answer.content:
        result["content"] = _content(answer.content)
    if answer.links:
        result["links"] = {
            name: {"operationId": name, "parameters": {"id": "$response.body#/id"}}
            for name in answer.links
        }
    return result
