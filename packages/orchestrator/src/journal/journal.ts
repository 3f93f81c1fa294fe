import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { type SandboxConfig, SandboxConfigSchema } from "@sandlot/contracts/orchestrator";
import type { MachineShape } from "../config";
import type { MachineRecipe } from "../guests/machine-recipe";
import { SCHEMA_STEPS } from "./schema";

/**
 * starting: being made, or claimed and not yet given to its sandbox. warm: ready, frozen, nobody's.
 * live: carries its sandbox. ending: told to end, not yet seen gone.
 */
export type MachineState = "starting" | "warm" | "live" | "ending";

export type MachineRecord = {
  readonly machineId: string;
  readonly slotIndex: number;
  readonly shape: MachineShape;
  readonly defaultUser: string;
  readonly defaultWorkdir: string;
  readonly recipe: MachineRecipe;
  readonly state: MachineState;
  readonly madeAtMs: number;
};

export type SandboxRecord = {
  readonly sandboxId: string;
  /** As sent by the control plane, egress kept up to date. Holds the sandbox's token: the file is 0600. */
  readonly config: SandboxConfig;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
};

export type JournalEntry = { readonly machine: MachineRecord; readonly sandbox: SandboxRecord | undefined };

/**
 * What this node has made or is about to make, written before it is made, so that a start after any kind of death
 * knows what to take over and what to remove. A write is in the kernel's hands when the call returns: it outlives
 * kill -9 of this process; a power cut takes the machines along anyway.
 */
export class Journal implements Disposable {
  readonly #db: Database;

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    if (path !== ":memory:") {
      closeSync(openSync(path, "a", 0o600)); // never world-readable, not even for a moment
      chmodSync(path, 0o600);
    }
    this.#db = new Database(path, { create: true, strict: true });
    this.#db.run("PRAGMA journal_mode = WAL");
    this.#db.run("PRAGMA synchronous = NORMAL");
    this.#db.run("PRAGMA foreign_keys = ON");
    this.#db.run("PRAGMA busy_timeout = 2000");
    this.#migrate();
  }

  recordMachine(machine: MachineRecord): void {
    this.#db
      .query(
        `INSERT INTO machines (machine_id, slot_index, build_id, cpu_count, memory_mib, disk_mib, default_user,
           default_workdir, guest_layer, recipe, state, made_at_ms)
         VALUES ($machineId, $slotIndex, $buildId, $cpuCount, $memoryMiB, $diskMiB, $user, $workdir, $guestLayer,
           $recipe, $state, $madeAtMs)`,
      )
      .run({
        machineId: machine.machineId,
        slotIndex: machine.slotIndex,
        ...machine.shape,
        user: machine.defaultUser,
        workdir: machine.defaultWorkdir,
        guestLayer: machine.recipe.guestLayer,
        recipe: machine.recipe.fingerprint,
        state: machine.state,
        madeAtMs: machine.madeAtMs,
      });
  }

  setMachineState(machineId: string, state: MachineState): void {
    this.#db.query("UPDATE machines SET state = $state WHERE machine_id = $machineId").run({ machineId, state });
  }

  /** Binds a sandbox to its machine; the machine counts as `starting` until `setMachineState` says live. */
  recordSandbox(machineId: string, sandbox: SandboxRecord): void {
    this.#db.transaction(() => {
      this.setMachineState(machineId, "starting");
      this.#db
        .query(
          `INSERT INTO sandboxes (sandbox_id, machine_id, config, started_at_ms, ends_at_ms)
           VALUES ($sandboxId, $machineId, $config, $startedAtMs, $endsAtMs)`,
        )
        .run({ ...sandbox, machineId, config: toJsonString(SandboxConfigSchema, sandbox.config) });
    })();
  }

  /** From here on the machine is only to be removed; its sandbox's id is free again. */
  recordEnding(machineId: string): void {
    this.#db.transaction(() => {
      this.setMachineState(machineId, "ending");
      this.#db.query("DELETE FROM sandboxes WHERE machine_id = $machineId").run({ machineId });
    })();
  }

  updateSandbox(sandboxId: string, change: { config: SandboxConfig; endsAtMs: number }): void {
    this.#db
      .query("UPDATE sandboxes SET config = $config, ends_at_ms = $endsAtMs WHERE sandbox_id = $sandboxId")
      .run({ sandboxId, endsAtMs: change.endsAtMs, config: toJsonString(SandboxConfigSchema, change.config) });
  }

  /** Forgets a machine and its sandbox. Only once nothing of it is left. Unknown ids are fine. */
  forgetMachine(machineId: string): void {
    this.#db.query("DELETE FROM machines WHERE machine_id = $machineId").run({ machineId });
  }

  readAll(): JournalEntry[] {
    const rows = this.#db
      .query<Row, []>(
        "SELECT m.*, s.sandbox_id, s.config, s.started_at_ms, s.ends_at_ms FROM machines m LEFT JOIN sandboxes s USING (machine_id)",
      )
      .all();
    return rows.map(entryOf);
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  #migrate(): void {
    const { user_version: applied } = this.#db.query("PRAGMA user_version").get() as { user_version: number };
    if (applied > SCHEMA_STEPS.length)
      throw new Error(
        `journal is of schema ${applied}, this program knows ${SCHEMA_STEPS.length}: it was written by a newer release`,
      );
    for (const [index, step] of SCHEMA_STEPS.entries()) {
      if (index < applied) continue;
      this.#db.transaction(() => {
        this.#db.run(step);
        this.#db.run(`PRAGMA user_version = ${index + 1}`);
      })();
    }
  }
}

type Row = {
  machine_id: string;
  slot_index: number;
  build_id: string;
  cpu_count: number;
  memory_mib: number;
  disk_mib: number;
  default_user: string;
  default_workdir: string;
  guest_layer: string;
  recipe: string;
  state: MachineState;
  made_at_ms: number;
  sandbox_id: string | null;
  config: string | null;
  started_at_ms: number | null;
  ends_at_ms: number | null;
};

function entryOf(row: Row): JournalEntry {
  return {
    machine: {
      machineId: row.machine_id,
      slotIndex: row.slot_index,
      shape: {
        buildId: row.build_id,
        cpuCount: row.cpu_count,
        memoryMiB: row.memory_mib,
        diskMiB: row.disk_mib,
      },
      defaultUser: row.default_user,
      defaultWorkdir: row.default_workdir,
      recipe: { guestLayer: row.guest_layer, fingerprint: row.recipe },
      state: row.state,
      madeAtMs: row.made_at_ms,
    },
    sandbox:
      row.sandbox_id === null
        ? undefined
        : {
            sandboxId: row.sandbox_id,
            // A config written by a newer release may hold fields this one does not know.
            config: fromJsonString(SandboxConfigSchema, row.config ?? "{}", { ignoreUnknownFields: true }),
            startedAtMs: row.started_at_ms ?? 0,
            endsAtMs: row.ends_at_ms ?? 0,
          },
  };
}
