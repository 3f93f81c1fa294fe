/** Everything an installation needs of its host, what is there of it, and the cure for what is not. Changes nothing. */

import { status } from "../commands/status";
import { missingPackages, NEEDED } from "../host/packages";
import { pathsOf } from "../paths";
import { readNode } from "../services/node-info";
import { ownPorts } from "../services/own-ports";
import { canonical, defaultPorts, readSettings } from "../settings";
import { type Finding, good, note, problem } from "./finding";
import { judgeKernel } from "./kernel";
import { judgeMemoryPauses } from "./memory-pauses";
import { findNeighbours, judgeLxcfs, judgeNetwork, judgeTrust, judgeUserNamespace } from "./neighbours";
import { readKernel } from "./read-kernel";
import { judgeDisk, judgeMemory, judgePorts, readDisk, readMemory } from "./resources";
import { judgeVirtualMachines } from "./virtual-machines";

export type Diagnosis = { readonly isFit: boolean; readonly areas: readonly Area[] };
export type Area = { readonly area: string; readonly findings: readonly Finding[] };

/** @param of.env is searched for the host's proxies only */
export async function diagnose(of: {
  dataDir: string;
  env: Readonly<Record<string, string | undefined>>;
}): Promise<Diagnosis> {
  const dataDir = canonical(of.dataDir);
  const settings = readSettings(dataDir);
  const kernel = readKernel();
  const places = { ports: settings?.ports ?? defaultPorts(), host: settings?.host ?? "127.0.0.1" };
  const proven = settings && (await readNode(settings.ports.nodeGrpc))?.runtimes;
  const areas: Area[] = [
    { area: "host", findings: [...judgeKernel(kernel), await judgeUserNamespace()] },
    { area: "packages", findings: [await judgePackages(), judgeLxcfs(), await judgeMemoryPauses()] },
    { area: "virtual machines", findings: await judgeVirtualMachines({ runtime: settings?.runtime, proven }) },
    { area: "network", findings: await judgeNetwork() },
    { area: "neighbours", findings: [...(await findNeighbours()), ...judgeTrust(of.env)] },
    {
      area: "room",
      findings: [
        judgeDisk(readDisk(dataDir), { dataDir, reserveMiB: settings?.diskReserveMiB }),
        judgeMemory(readMemory()),
        ...(await judgePorts(places, ownPorts(pathsOf(dataDir)))),
      ],
    },
    { area: "installation", findings: [await judgeInstallation(dataDir, settings !== undefined)] },
  ];
  const isFit = areas.every(({ findings }) => findings.every(({ state }) => state !== "problem"));
  return { isFit, areas };
}

async function judgePackages(): Promise<Finding> {
  const missing = await missingPackages(NEEDED);
  if (missing.length === 0) return good("packages", `${NEEDED.length} of ${NEEDED.length} are installed`);
  return note("packages", `up installs ${missing.join(", ")}`, `apt-get install ${missing.join(" ")}`);
}

async function judgeInstallation(dataDir: string, isSetUp: boolean): Promise<Finding> {
  if (!isSetUp) return note("installation", `nothing on ${dataDir} yet`, "./sandlot up");
  const now = await status(dataDir).catch((thrown: Error) => thrown);
  if (now instanceof Error) return note("installation", `${dataDir} cannot be read: ${now.message}`);
  const bad = now.services.filter(({ state }) => state !== "running").map(({ name, state }) => `${name} ${state}`);
  if (now.isUp)
    return good("installation", `up on ${dataDir}, tag ${now.tag}, ${now.sandboxes ?? "unknown"} sandboxes`);
  if (bad.length === now.services.length) return note("installation", `${dataDir} is down`, "./sandlot up");
  return problem("installation", `half of ${dataDir} runs: ${bad.join(", ")}`, "./sandlot up, then ./sandlot logs");
}
