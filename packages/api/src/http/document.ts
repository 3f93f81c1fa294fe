/** The contract as data: which operations there are, who may call them, what they take. Read from the generated document. */
import { restDocument } from "@sandlot/contracts/rest-document";
import type { Scheme } from "../faults";

export type JsonSchema = Readonly<Record<string, unknown>>;
export type Parameter = {
  readonly name: string;
  readonly in: "path" | "query";
  readonly required?: boolean;
  readonly schema: JsonSchema;
};
export type OperationSpec = {
  readonly id: string;
  readonly method: string;
  /** As in the document, `/sandboxes/{sandboxID}`. */
  readonly path: string;
  readonly summary: string;
  /** Alternatives; the schemes of one alternative are needed together. Empty: open to everybody. */
  readonly security: readonly (readonly Scheme[])[];
  readonly parameters: readonly Parameter[];
  readonly body: { readonly isRequired: boolean; readonly schema: JsonSchema } | undefined;
  /** Declared, but 501 is all it answers. */
  readonly isPlanned: boolean;
};

type RawOperation = {
  operationId: string;
  summary: string;
  security: Record<string, unknown>[];
  parameters?: { $ref: string }[];
  requestBody?: { required?: boolean; content: { "application/json": { schema: JsonSchema } } };
  responses: Record<string, unknown>;
};
type RawDocument = {
  paths: Record<string, Record<string, RawOperation>>;
  components: { parameters: Record<string, Parameter> };
};

function readOperation(raw: RawDocument, path: string, method: string, operation: RawOperation): OperationSpec {
  const parameters = (operation.parameters ?? []).map(({ $ref }) => {
    const found = raw.components.parameters[$ref.split("/").at(-1) ?? ""];
    if (found === undefined) throw new Error(`the document has no ${$ref}`);
    return found;
  });
  const body = operation.requestBody;
  return {
    id: operation.operationId,
    method: method.toUpperCase(),
    path,
    summary: operation.summary,
    security: operation.security.map((alternative) => Object.keys(alternative) as Scheme[]),
    parameters,
    body: body && { isRequired: body.required === true, schema: body.content["application/json"].schema },
    isPlanned: "501" in operation.responses,
  };
}

/** All operations; of two that match one path, the one with fewer placeholders comes first. */
export function readOperations(): OperationSpec[] {
  const raw = restDocument as RawDocument;
  const all = Object.entries(raw.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => readOperation(raw, path, method, operation)),
  );
  const holes = (path: string): number => path.split("{").length;
  return all.sort((a, b) => holes(a.path) - holes(b.path));
}

/** The whole document, for a validator that resolves `#/components/…`. */
export const document = restDocument as Record<string, unknown>;
