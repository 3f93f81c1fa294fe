// The published desktop client in a sandbox of the template `desktop`, where that is built (`sandlot template build desktop`).
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Sandbox } from "@e2b/desktop";
import { api, toPort } from "./support.mjs";

const isBuilt = (await api("GET", "/templates/aliases/desktop")).status === 200;
const skip = !isBuilt && "the template desktop is not built here";
let desktop;

before(async () => {
  if (isBuilt) desktop = await Sandbox.create({ timeoutMs: 300_000, resolution: [800, 600] });
});
after(() => desktop?.kill());

test("a session with a window manager, at the resolution that was asked for", { skip, timeout: 120_000 }, async () => {
  assert.deepEqual(await desktop.getScreenSize(), { width: 800, height: 600 });
  const picture = await desktop.screenshot();
  assert.equal(Buffer.from(picture.subarray(1, 4)).toString(), "PNG");
  assert.ok(picture.length > 2_000, `${picture.length} bytes`);
});

test("mouse and keyboard reach programs", { skip, timeout: 120_000 }, async () => {
  await desktop.moveMouse(123, 45);
  assert.deepEqual(await desktop.getCursorPosition(), { x: 123, y: 45 });
  await desktop.launch("xfce4-terminal");
  const shown = await desktop.waitAndVerify(
    "xdotool search --onlyvisible --class xfce4-terminal",
    (r) => r.exitCode === 0,
    40,
  );
  assert.ok(shown, "the terminal shows");
  await desktop.wait(1_500);
  await desktop.write("echo typed > /tmp/typed");
  await desktop.press("enter");
  assert.ok(await desktop.waitAndVerify("cat /tmp/typed", (r) => r.stdout === "typed\n", 20));
});

test("noVNC answers on 6080", { skip, timeout: 120_000 }, async () => {
  await desktop.stream.start();
  assert.match(desktop.stream.getUrl(), /vnc\.html/);
  const page = await toPort(desktop.sandboxId, 6080, "/vnc.html");
  assert.equal(page.status, 200);
  assert.match(await page.text(), /noVNC/);
  await desktop.stream.stop();
});
