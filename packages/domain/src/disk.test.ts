import { expect, test } from "bun:test";
import { diskReserveBytes, isDiskLow } from "./disk";

const GiB = 1024 ** 3;

test("keeps 5 % free, at most 2 GiB, or what was said", () => {
  expect(diskReserveBytes({ totalBytes: 10 * GiB, reserveMiB: undefined })).toBe(GiB / 2);
  expect(diskReserveBytes({ totalBytes: 1000 * GiB, reserveMiB: undefined })).toBe(2 * GiB);
  expect(diskReserveBytes({ totalBytes: 10 * GiB, reserveMiB: 3072 })).toBe(3 * GiB);
  expect(isDiskLow({ totalBytes: 10 * GiB, freeBytes: GiB / 2 }, undefined)).toBeFalse();
  expect(isDiskLow({ totalBytes: 10 * GiB, freeBytes: GiB / 2 - 1 }, undefined)).toBeTrue();
  expect(isDiskLow({ totalBytes: 10 * GiB, freeBytes: 0 }, 0)).toBeFalse();
});
