/** A machine's disk becomes a layer, and another machine started on it finds everything as it was. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS, TRY } from "./suite";

/** Every kind of file, and what can be said of it in a line. */
const WRITE = `
mkdir -p /srv/kept/dir /srv/old/inner && cd /srv/kept
echo content > file && chown 1000:1000 file && chmod 4711 file
ln file hard && ln -s nowhere soft && mkfifo fifo && : > empty
touch -d '2020-02-02 02:02:02.222' file
${TRY} setxattr 0 file && ${TRY} setcap 0 empty
head -c 3000000 /dev/zero > zeros; echo end >> zeros
truncate -s 1T sparse; echo in >> sparse; truncate -s 2T sparse
rm -f /etc/group; chmod 751 /`;
const READ = `cd /srv/kept && stat -c '%n %A %u:%g %h %s %.9Y %F' file hard soft fifo empty zeros sparse && stat -c '%A %u:%g %.9Y' . /srv/old && stat -c '%A' / &&
readlink soft && cat file && ${TRY} getxattr 0 file && ${TRY} getcap 0 empty && tail -c 4 zeros && tail -c +1099511627777 sparse | head -c 3 && ls /etc/group /srv/old/inner 2>&1; true`;

export function diskSealCases(suite: Suite): void {
  describe("a seal of the disk", () => {
    it(
      "holds every file as it was, and what was removed stays away",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await running.run(WRITE);
        const before = await said(running, READ);
        const sealed = await suite.seal(running, place, false);
        expect(sealed.seal.memory).toBeUndefined();
        expect(sealed.seal.layer.sizeBytes).toBe(Bun.file(`${place.path}/${sealed.seal.layer.name}`).size);
        expect(sealed.seal.layer.sizeBytes).toBeLessThan(80 << 20); // two TB, nearly all of it holes
        await running.machine.thaw();
        await using other = await suite.boot({}, { build: sealed.build });
        expect(await said(other, READ)).toBe(before);
        expect(before).toContain("-rws--x--x 1000:1000 2 8");
        expect(await said(running, "echo goes on")).toBe("goes on");
      },
      TEST_MS,
    );

    it(
      "tells the last of a file with two names, through whichever it was changed, over generations",
      async () => {
        await using first = await suite.start();
        await first.run(
          "mkdir /srv/d; echo 0 > /srv/d/a; ln /srv/d/a /srv/d/b; rm -rf /srv/e; mkdir -p /srv/e; : > /srv/e/x",
        );
        let build = { buildId: "none", layers: suite.harness.layers };
        let running = first;
        // Every layer must last as long as a machine that lies on it, or a build that names it.
        await using places = new AsyncDisposableStack();
        for (const generation of suite.traits.fewRounds === true ? [1, 2] : [1, 2, 3]) {
          const place = places.use(await suite.harness.place());
          build = (await suite.seal(running, place, false)).build;
          const next = await suite.boot({}, { build });
          await running.machine.end();
          await next.run(`echo ${generation} >> /srv/d/a; rm -rf /srv/e; mkdir /srv/e; : > /srv/e/x${generation}`);
          const read = "cat /srv/d/b | wc -l; stat -c %h /srv/d/b; ls /srv/e";
          expect(await said(next, read)).toBe(`${generation + 1}\n2\nx${generation}`);
          if (running !== first) await running[Symbol.asyncDispose]();
          running = next;
        }
        await running[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it(
      "lets the machine go on as soon as all is written",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        const { machine } = running;
        await machine.freeze();
        let calls = 0;
        const onWritten = async (): Promise<void> => {
          calls += 1;
          await machine.thaw();
        };
        await machine.seal({ directory: place.path, memory: false, onWritten }, AbortSignal.timeout(TEST_MS));
        expect(calls).toBe(1);
        expect(await said(running, "echo goes on")).toBe("goes on");
      },
      TEST_MS,
    );

    it(
      "is complete when the machine was writing all the while",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await running.run(
          "(i=0; while :; do i=$((i+1)); echo $i > /srv/n.new; mv /srv/n.new /srv/n; echo $i >> /srv/log; done) > /dev/null 2>&1 &",
        );
        await running.run("while ! grep -q 20 /srv/log; do sleep 0.02; done");
        const sealed = await suite.seal(running, place, false);
        await using other = await suite.boot({}, { build: sealed.build });
        const [last, lines] = (await said(other, "cat /srv/n; wc -l < /srv/log")).split("\n").map(Number);
        expect(lines).toBeGreaterThan(10);
        expect([lines, (lines ?? 0) + 1]).toContain(last ?? 0);
      },
      TEST_MS,
    );
  });
}
