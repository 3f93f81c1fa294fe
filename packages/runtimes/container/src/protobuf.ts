/** As much of protobuf's wire format as changing single numbers in CRIU's images takes. */

/** A number, or the bytes of anything longer. */
export type Field = { readonly number: number; readonly value: bigint | Uint8Array };

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/** Pure. undefined for what is not a message or has fixed-width fields, which none of the images we change has. */
export function readFields(message: Uint8Array): Field[] | undefined {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError("cut short");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError("no number");
  };
  try {
    while (at < message.length) {
      const key = varint();
      const wire = Number(key & 7n);
      if (wire === FIXED64 || wire === FIXED32) return undefined;
      const number = Number(key >> 3n);
      if (wire === VARINT) fields.push({ number, value: varint() });
      else if (wire === BYTES) {
        const length = Number(varint());
        if (at + length > message.length) return undefined;
        fields.push({ number, value: message.subarray(at, at + length) });
        at += length;
      } else return undefined;
    }
  } catch {
    return undefined;
  }
  return fields;
}

function varintBytes(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

export function writeFields(fields: readonly Field[]): Uint8Array {
  const parts = fields.map(({ number, value }) =>
    typeof value === "bigint"
      ? Uint8Array.from([...varintBytes(BigInt(number << 3)), ...varintBytes(value)])
      : Buffer.concat([
          Uint8Array.from([...varintBytes(BigInt((number << 3) | BYTES)), ...varintBytes(BigInt(value.length))]),
          value,
        ]),
  );
  return Buffer.concat(parts);
}

/** The first number of that field, 0 when there is none. */
export function numberOf(fields: readonly Field[], number: number): bigint {
  const found = fields.find((field) => field.number === number)?.value;
  return typeof found === "bigint" ? found : 0n;
}
