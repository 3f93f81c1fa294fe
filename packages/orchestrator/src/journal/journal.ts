import { Database } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { fromJsonString, toJsonString } from "@bufbuild/protobuf";
import { type SandboxConfig, SandboxConfigSchema } from "@sandlot/contracts/orchestrator";
import type { RuntimeName } from "@sandlot/domain";
import type { BuildOrigin } from "../builds/build-origin";
import type { MachineShape } from "../config";
import type { MachineRecipe } from "../guests/machine-recipe";
import { SCHEMA_STEPS } from "./schema";

/**
 * starting: being made, or claimed and not yet given to its sandbox. warm: ready, frozen, nobody's.
 * live: carries its sandbox. pausing: being sealed as a build; paused once that build is committed, live until then.
 * cached: frozen, all of it is in a committed build: only there to make the resume fast. ending: told to end, not yet seen gone.
 */
export type MachineState = "starting" | "warm" | "live" | "pausing" | "cached" | "ending";

export type MachineRecord = {
  readonly machineId: string;
  readonly slotIndex: number;
  readonly shape: MachineShape;
  readonly defaultUser: string;
  readonly defaultWorkdir: string;
  readonly recipe: MachineRecipe;
  /** Undefined for machines made before it was written down. */
  readonly origin: BuildOrigin | undefined;
  readonly state: MachineState;
  /** While `pausing` or `cached`: the build it is sealed as. */
  readonly sealBuildId?: string;
  readonly madeAtMs: number;
};

export type SandboxRecord = {
  readonly sandboxId: string;
  /** As sent by the control plane, egress kept up to date. Holds the sandbox's token: the file is 0600. */
  readonly config: SandboxConfig;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
};

/** A seal that was asked for; `bytes` once its build is committed. */
export type SealRecord = {
  readonly buildId: string;
  readonly sandboxId: string;
  readonly memory: boolean;
  readonly bytes: { readonly disk: number; readonly memory: number } | undefined;
  readonly askedAtMs: number;
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
           default_workdir, guest_layer, recipe, origin, state, made_at_ms, runtime)
         VALUES ($machineId, $slotIndex, $buildId, $cpuCount, $memoryMiB, $diskMiB, $user, $workdir, $guestLayer,
           $recipe, $origin, $state, $madeAtMs, $runtime)`,
      )
      .run({
        machineId: machine.machineId,
        slotIndex: machine.slotIndex,
        ...machine.shape,
        user: machine.defaultUser,
        workdir: machine.defaultWorkdir,
        guestLayer: machine.recipe.guestLayer,
        recipe: machine.recipe.fingerprint,
        origin: machine.origin === undefined ? "" : JSON.stringify(machine.origin),
        state: machine.state,
        madeAtMs: machine.madeAtMs,
      });
  }

  /** Also forgets what the machine was being sealed as. */
  setMachineState(machineId: string, state: Exclude<MachineState, "pausing" | "cached">): void {
    this.#db
      .query("UPDATE machines SET state = $state, seal_build_id = NULL WHERE machine_id = $machineId")
      .run({ machineId, state });
  }

  /** From here on a crash leaves the sandbox running, or paused as this build if that is committed by then. */
  recordPausing(machineId: string, seal: SealRecord): void {
    this.#db.transaction(() => {
      this.recordSeal(seal);
      this.#db
        .query("UPDATE machines SET state = 'pausing', seal_build_id = $buildId WHERE machine_id = $machineId")
        .run({ machineId, buildId: seal.buildId });
    })();
  }

  /** Its build is committed. With memory its frozen machine is kept as the sandbox's, without it is only to be removed. */
  recordPaused(machineId: string, seal: SealRecord): void {
    this.#db.transaction(() => {
      this.recordSeal(seal);
      if (!seal.memory) return this.recordEnding(machineId);
      this.#db
        .query("UPDATE machines SET state = 'cached', seal_build_id = $buildId WHERE machine_id = $machineId")
        .run({ machineId, buildId: seal.buildId });
    })();
  }

  /** Of one that `recordPausing` named a build for. */
  recordCached(machineId: string): void {
    this.#db.query("UPDATE machines SET state = 'cached' WHERE machine_id = $machineId").run({ machineId });
  }

  /** A seal that is asked for again replaces what was known of it. */
  recordSeal(seal: SealRecord): void {
    this.#db
      .query(
        `INSERT OR REPLACE INTO seals (build_id, sandbox_id, memory, disk_bytes, memory_bytes, asked_at_ms)
         VALUES ($buildId, $sandboxId, $memory, $diskBytes, $memoryBytes, $askedAtMs)`,
      )
      .run({
        buildId: seal.buildId,
        sandboxId: seal.sandboxId,
        memory: seal.memory ? 1 : 0,
        diskBytes: seal.bytes?.disk ?? null,
        memoryBytes: seal.bytes?.memory ?? null,
        askedAtMs: seal.askedAtMs,
      });
  }

  readSeal(buildId: string): SealRecord | undefined {
    const row = this.#db.query<SealRow, string>("SELECT * FROM seals WHERE build_id = ?").get(buildId);
    return row === null ? undefined : sealOf(row);
  }

  readSeals(): SealRecord[] {
    return this.#db.query<SealRow, []>("SELECT * FROM seals").all().map(sealOf);
  }

  forgetSeal(buildId: string): void {
    this.#db.query("DELETE FROM seals WHERE build_id = $buildId").run({ buildId });
  }

  /** Answers that nobody will ask for again. */
  forgetSealsBefore(askedAtMs: number): void {
    this.#db.query("DELETE FROM seals WHERE asked_at_ms < $askedAtMs").run({ askedAtMs });
  }

  /** Binds a sandbox to its machine; the machine counts as `starting` until `setMachineState` says live. */
  recordSandbox(machineId: string, sandbox: SandboxRecord): void {
    this.#db.transaction(() => {
      this.setMachineState(machineId, "starting");
      // A machine that is resumed still carries the run before.
      this.#db.query("DELETE FROM sandboxes WHERE machine_id = $machineId").run({ machineId });
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
  origin: string;
  state: MachineState;
  seal_build_id: string | null;
  made_at_ms: number;
  runtime: RuntimeName;
  sandbox_id: string | null;
  config: string | null;
  started_at_ms: number | null;
  ends_at_ms: number | null;
};

type SealRow = {
  build_id: string;
  sandbox_id: string;
  memory: number;
  disk_bytes: number | null;
  memory_bytes: number | null;
  asked_at_ms: number;
};

function sealOf(row: SealRow): SealRecord {
  return {
    buildId: row.build_id,
    sandboxId: row.sandbox_id,
    memory: row.memory === 1,
    bytes: row.disk_bytes === null ? undefined : { disk: row.disk_bytes, memory: row.memory_bytes ?? 0 },
    askedAtMs: row.asked_at_ms,
  };
}

function entryOf(row: Row): JournalEntry {
  return {
    machine: {
      machineId: row.machine_id,
      slotIndex: row.slot_index,
      shape: {
        runtime: row.runtime,
        buildId: row.build_id,
        cpuCount: row.cpu_count,
        memoryMiB: row.memory_mib,
        diskMiB: row.disk_mib,
      },
      defaultUser: row.default_user,
      defaultWorkdir: row.default_workdir,
      recipe: { guestLayer: row.guest_layer, fingerprint: row.recipe },
      origin: row.origin === "" ? undefined : (JSON.parse(row.origin) as BuildOrigin),
      state: row.state,
      ...(row.seal_build_id === null ? {} : { sealBuildId: row.seal_build_id }),
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
