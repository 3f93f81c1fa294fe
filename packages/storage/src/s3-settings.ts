import type { Secret } from "@sandlot/config";

export type S3Settings = {
  readonly bucket: string;
  readonly region: string;
  /** Absent: Amazon's own for the region. */
  readonly endpoint?: string | undefined;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. */
  readonly usePathStyle: boolean;
  /** Absent: looked for in the usual places (a role of the instance, a profile). */
  readonly accessKeyId?: string | undefined;
  readonly secretAccessKey?: Secret | undefined;
  readonly sessionToken?: Secret | undefined;
  /** Of one request, with rests that grow in between (5). */
  readonly maxAttempts?: number;
};
