/** The fake's memory on the disk, as Firecracker writes it: whole and dense, or sparse with the changed pages alone. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import { PAGE_BYTES } from "@sandlot/runtime-microvm";
import type { FakeGuest } from "./guest";

/** Pages are counted as changed from here on anew. */
export function writeMemory(of: { path: string; guest: FakeGuest; kind: "Full" | "Diff" }): void {
  const { guest } = of;
  const file = openSync(of.path, "r+");
  try {
    ftruncateSync(file, guest.memory.length);
    if (of.kind === "Full") writeSync(file, guest.memory, 0, guest.memory.length, 0);
    else
      for (const page of guest.dirty) writeSync(file, guest.memory, page * PAGE_BYTES, PAGE_BYTES, page * PAGE_BYTES);
  } finally {
    closeSync(file);
  }
  guest.dirty.clear();
}

export function readMemory(of: { path: string; guest: FakeGuest }): void {
  readFileSync(of.path).copy(of.guest.memory);
  of.guest.dirty.clear();
}
