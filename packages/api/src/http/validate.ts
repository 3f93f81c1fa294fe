/** Checks requests against the document before any handler sees them (behaviour §1.1). */
import Ajv2020, { type ErrorObject, type ValidateFunction } from "ajv/dist/2020";
import addFormats from "ajv-formats";
import { apiFaults } from "../faults";
import { document, type JsonSchema, type OperationSpec, type Parameter } from "./document";

export type Checked = { path: Record<string, unknown>; query: Record<string, unknown>; body: unknown };
export type Validator = (of: {
  path: Readonly<Record<string, string>>;
  query: URLSearchParams;
  contentType: string | null;
  body: Uint8Array;
}) => Checked;

function startAjv(): (schema: JsonSchema) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateSchema: false, addUsedSchema: false });
  addFormats(ajv);
  ajv.addSchema(document, "api");
  return (schema) => ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')));
}

function invalid(problem: string, cause?: unknown): never {
  throw apiFaults.invalid({ problem: problem.split("\n")[0] ?? problem }, cause);
}

function say(where: string, errors: readonly ErrorObject[] | null | undefined): string {
  const error = errors?.[0];
  const at = (error?.instancePath ?? "").replaceAll("/", ".");
  const choices =
    error?.keyword === "enum" ? ` (${(error.params as { allowedValues: unknown[] }).allowedValues.join(", ")})` : "";
  return `${where}${at} ${error?.message ?? "is not valid"}${choices}`;
}

/** Query values are text; where the schema wants a number or a list, and the text is one, it becomes one. */
function readParameter({ schema }: Parameter, raw: string): unknown {
  const { type } = schema as { type?: string };
  if (type === "integer" || type === "number") return /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw;
  if (type === "boolean") return raw === "true" ? true : raw === "false" ? false : raw;
  return type === "array" ? raw.split(",") : raw;
}

function readJson(body: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch (thrown) {
    return invalid("the request body is not UTF-8", thrown);
  }
  try {
    return JSON.parse(text);
  } catch (thrown) {
    return invalid("the request body is not JSON", thrown);
  }
}

/** Compiles every operation's checks once; about 20 ms for all. */
export function compileValidators(operations: readonly OperationSpec[]): Map<string, Validator> {
  const compile = startAjv();
  return new Map(operations.map((operation) => [operation.id, compileOperation(operation, compile)]));
}

function compileOperation(operation: OperationSpec, compile: (schema: JsonSchema) => ValidateFunction): Validator {
  const parameters = operation.parameters.map((parameter) => ({ parameter, isValid: compile(parameter.schema) }));
  const body = operation.body && { ...operation.body, isValid: compile(operation.body.schema) };
  return (request) => {
    const checked: Checked = { path: {}, query: {}, body: undefined };
    for (const { parameter, isValid } of parameters) {
      const { name, in: place } = parameter;
      const raw = place === "path" ? request.path[name] : (request.query.get(name) ?? undefined);
      if (raw === undefined) {
        if (parameter.required === true) invalid(`${place} parameter ${name} is missing`);
        continue;
      }
      const value = readParameter(parameter, raw);
      if (!isValid(value)) invalid(say(`${place} parameter ${name}`, isValid.errors));
      checked[place][name] = value;
    }
    if (body === undefined) return checked;
    if (request.body.length === 0) {
      if (body.isRequired) invalid("the request body is missing");
      return checked;
    }
    const [type = ""] = (request.contentType ?? "").toLowerCase().split(";");
    if (type.trim() !== "application/json")
      invalid(`Content-Type must be application/json, got '${type.trim().slice(0, 80)}'`);
    const value = readJson(request.body);
    if (!body.isValid(value)) invalid(say("body", body.isValid.errors));
    checked.body = value;
    return checked;
  };
}
