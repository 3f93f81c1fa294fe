/** A small language for what a JSON body may hold, and the one place that checks a body against it. */

export type Version = readonly [major: number, minor: number];

type Common = {
  readonly required?: true;
  /** First published with this version; a body for an older one must not hold it. */
  readonly since?: Version;
};

export type Field = Common &
  (
    | { readonly is: "integer"; readonly min: number; readonly max: number }
    | { readonly is: "text"; readonly pattern?: RegExp; readonly oneOf?: readonly string[] }
    | { readonly is: "flag" }
    | { readonly is: "object"; readonly shape: Shape }
    | { readonly is: "list"; readonly of: Field; readonly minItems?: number }
  );

/** A body with other fields than these is refused. */
export type Shape = {
  readonly fields: Readonly<Record<string, Field>>;
  /** Of each group exactly one field must be there. */
  readonly oneOfThese?: readonly (readonly string[])[];
};

/** Pure. @returns what is wrong, one line each; nothing when the body may be sent to that version */
export function wrongsOf(shape: Shape, body: unknown, version: Version, at = "body"): string[] {
  if (!isObject(body)) return [`${at} must be an object`];
  const wrongs: string[] = [];
  for (const name of Object.keys(body))
    if (!Object.hasOwn(shape.fields, name)) wrongs.push(`${at}.${name} is not known`);
  for (const [name, field] of Object.entries(shape.fields)) {
    const value = body[name];
    if (value === undefined) {
      if (field.required === true) wrongs.push(`${at}.${name} is missing`);
    } else wrongs.push(...wrongsOfField(field, value, version, `${at}.${name}`));
  }
  for (const group of shape.oneOfThese ?? []) {
    const given = group.filter((name) => body[name] !== undefined);
    if (given.length !== 1) wrongs.push(`${at} must hold exactly one of ${group.join(", ")}`);
  }
  return wrongs;
}

function wrongsOfField(field: Field, value: unknown, version: Version, at: string): string[] {
  if (field.since !== undefined && !isAtLeast(version, field.since))
    return [`${at} is known from version ${field.since.join(".")} on only`];
  switch (field.is) {
    case "integer": {
      const fits = Number.isSafeInteger(value) && Number(value) >= field.min && Number(value) <= field.max;
      return fits ? [] : [`${at} must be a whole number from ${field.min} to ${field.max}`];
    }
    case "flag":
      return typeof value === "boolean" ? [] : [`${at} must be true or false`];
    case "text":
      return wrongsOfText(field, value, at);
    case "object":
      return wrongsOf(field.shape, value, version, at);
    case "list": {
      if (!Array.isArray(value) || value.length < (field.minItems ?? 0))
        return [`${at} must be a list of at least ${field.minItems ?? 0}`];
      return value.flatMap((item, index) => wrongsOfField(field.of, item, version, `${at}[${index}]`));
    }
  }
}

function wrongsOfText(field: Extract<Field, { is: "text" }>, value: unknown, at: string): string[] {
  if (typeof value !== "string") return [`${at} must be text`];
  if (field.oneOf !== undefined && !field.oneOf.includes(value))
    return [`${at} must be one of ${field.oneOf.join(", ")}`];
  if (field.pattern !== undefined && !field.pattern.test(value))
    return [`${at} must look like ${field.pattern.source}`];
  return [];
}

export function isAtLeast(have: Version, wanted: Version): boolean {
  return have[0] > wanted[0] || (have[0] === wanted[0] && have[1] >= wanted[1]);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
