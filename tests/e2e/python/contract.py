"""The Python client's side of the contract, for both of its faces: `contract.py sync|async`.

Prints one line of JSON per check, {"name", "ok", "problem", "skipped"}; python.test.mjs turns each into a test. The checks are
written once, against the asynchronous face: for the synchronous one, `Plain` wraps each object so that its results can
be awaited. What differs between the two (watching, streams) has its own check below.
"""

import asyncio
import inspect
import json
import sys
import time
import traceback
import urllib.request

import e2b

FACE = sys.argv[1]
CHECKS = []


def check(face=None):
    def add(function):
        if face in (None, FACE):
            CHECKS.append(function)
        return function

    return add


class Plain:
    """An object of the synchronous face whose methods can be awaited; they run on a thread of their own."""

    def __init__(self, of):
        object.__setattr__(self, "_of", of)

    def __getattr__(self, name):
        value = getattr(self._of, name)
        if inspect.isroutine(value):

            async def call(*args, **kwargs):
                return wrapped(await asyncio.to_thread(value, *args, **kwargs))

            return call
        return wrapped(value)


def wrapped(value):
    parts = ("Filesystem", "Commands", "Pty", "Git", "CommandHandle", "WatchHandle", "Sandbox")
    return Plain(value) if type(value).__name__ in parts else value


class Box:
    """A sandbox for one check."""

    def __init__(self, **options):
        self.options = {"timeout": 120, **options}

    async def __aenter__(self):
        if FACE == "async":
            self.sandbox = await e2b.AsyncSandbox.create(**self.options)
        else:
            self.sandbox = Plain(await asyncio.to_thread(lambda: e2b.Sandbox.create(**self.options)))
        return self.sandbox

    async def __aexit__(self, *_):
        await self.sandbox.kill()


async def raised(kind, awaitable):
    try:
        value = await awaitable
    except kind as error:
        return error
    raise AssertionError(f"expected {kind.__name__}, got {value!r}")


async def until(test, within=10.0):
    end = time.monotonic() + within
    while time.monotonic() < end:
        value = test()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        await asyncio.sleep(0.05)
    raise AssertionError("did not hold in time")


def equal(left, right):
    assert left == right, f"{left!r} is not {right!r}"


@check()
async def commands_run_with_user_cwd_envs_and_exit_code(box):
    done = await box.commands.run('echo "$WHO"; pwd; id -un >&2', envs={"WHO": "me"}, cwd="/tmp")
    equal((done.stdout, done.stderr, done.exit_code), ("me\n/tmp\n", "user\n", 0))
    root = await box.commands.run("id -un", user="root")
    equal(root.stdout, "root\n")
    error = await raised(e2b.CommandExitException, box.commands.run("echo gone; exit 9"))
    equal((error.exit_code, error.stdout), (9, "gone\n"))
    error = await raised(e2b.SandboxException, box.commands.run("true", cwd="/nowhere"))
    assert "does not exist" in str(error), error


@check()
async def output_comes_through_callbacks_in_order(box):
    seen = []
    await box.commands.run("for i in 1 2 3; do echo $i; sleep 0.1; done", on_stdout=lambda text: seen.append(text))
    equal("".join(seen), "1\n2\n3\n")


@check()
async def a_command_ends_at_its_own_time(box):
    started = time.monotonic()
    await raised(e2b.TimeoutException, box.commands.run("sleep 30", timeout=1))
    assert time.monotonic() - started < 8
    await until(lambda: no_process(box, "sleep 30"))


async def no_process(box, words):
    return all(words not in " ".join(process.args) for process in await box.commands.list())


@check()
async def background_commands_are_listed_fed_joined_and_killed(box):
    handle = await box.commands.run("cat; exit 4", background=True, stdin=True)
    assert any(process.pid == handle.pid for process in await box.commands.list())
    await box.commands.send_stdin(handle.pid, "grüße\n")
    await handle.disconnect()
    joined = await box.commands.connect(handle.pid)
    await box.commands.send_stdin(handle.pid, "again\n")
    await box.commands.close_stdin(handle.pid)
    error = await raised(e2b.CommandExitException, joined.wait())
    equal(error.exit_code, 4)
    assert "again\n" in error.stdout, error.stdout
    sleeper = await box.commands.run("sleep 100", background=True)
    equal(await box.commands.kill(sleeper.pid), True)
    await raised(e2b.CommandExitException, sleeper.wait())
    equal(await box.commands.kill(999_999), False)
    await raised(e2b.NotFoundException, box.commands.connect(999_999))


@check()
async def the_exit_code_is_there_for_who_comes_back(box):
    handle = await box.commands.run("sleep 0.5; exit 6", background=True)
    await handle.disconnect()
    await asyncio.sleep(1)
    back = await box.commands.connect(handle.pid)
    error = await raised(e2b.CommandExitException, back.wait())
    equal(error.exit_code, 6)


@check()
async def input_can_be_streamed(box):
    if not hasattr(e2b.Sandbox.commands.fget.__annotations__["return"], "stream_input"):
        return "this client has no stream_input"
    handle = await box.commands.run("cat | wc -c", background=True, stdin=True)
    pieces = ["x" * 50_000 for _ in range(20)]
    if FACE == "sync":
        await box.commands.stream_input(handle.pid, pieces)
    else:
        async with box.commands.stream_input(handle.pid) as stream:
            for piece in pieces:
                await stream.send(piece)
    await box.commands.close_stdin(handle.pid)
    equal((await handle.wait()).stdout.strip(), "1000000")


@check()
async def files_are_written_and_read_in_every_form(box):
    info = await box.files.write("a/b/text ü.txt", "hällo")
    equal((info.name, info.path, info.type), ("text ü.txt", "/home/user/a/b/text ü.txt", e2b.FileType.FILE))
    equal(await box.files.read("a/b/text ü.txt"), "hällo")
    data = bytes(range(256)) * 4096
    await box.files.write("data.bin", data, use_octet_stream=True)
    equal(bytes(await box.files.read("data.bin", format="bytes")), data)
    await box.files.write("packed.bin", data, gzip=True)
    equal(bytes(await box.files.read("packed.bin", format="bytes", gzip=True)), data)
    many = [{"path": f"many/{n}.txt", "data": str(n)} for n in range(30)]
    equal(len(await box.files.write_files(many)), 30)
    equal(await box.files.read("many/29.txt"), "29")
    await box.files.write("empty", "")
    equal(await box.files.read("empty"), "")


@check()
async def entries_are_described_listed_moved_and_removed(box):
    equal(await box.files.make_dir("d/e"), True)
    equal(await box.files.make_dir("d/e"), False)
    await box.files.write("d/f.txt", "12345", metadata={"Kind": "note"})
    info = await box.files.get_info("d/f.txt")
    equal((info.size, info.mode, info.permissions, info.owner), (5, 0o644, "-rw-r--r--", "user"))
    equal(dict(info.metadata), {"kind": "note"})
    await box.commands.run("ln -s f.txt d/link")
    equal((await box.files.get_info("d/link")).symlink_target, "/home/user/d/f.txt")
    equal([entry.name for entry in await box.files.list("d")], ["e", "f.txt", "link"])
    equal((await box.files.rename("d/f.txt", "d/g.txt")).path, "/home/user/d/g.txt")
    equal(await box.files.exists("d/f.txt"), False)
    await box.files.remove("d")
    equal(await box.files.exists("d"), False)
    await raised(e2b.NotFoundException, box.files.read("d/g.txt"))
    await raised(e2b.NotFoundException, box.files.list("d"))
    await raised(e2b.InvalidArgumentException, box.files.read("/home/user"))
    await raised(e2b.InvalidArgumentException, box.files.write("/home/user", "x"))


@check("sync")
async def a_sync_watch_has_the_event_at_once(box):
    await box.files.make_dir("w")
    handle = await box.files.watch_dir("w")
    for n in range(10):
        await box.files.write(f"w/{n}.txt", "x")
        events = [(event.type.value, event.name) for event in await handle.get_new_events()]
        assert ("write", f"{n}.txt") in events, (n, events)
    equal(await handle.get_new_events(), [])
    await handle.stop()
    await raised(e2b.NotFoundException, box.files.watch_dir("nowhere"))
    await box.files.write("plain", "x")
    await raised(e2b.SandboxException, box.files.watch_dir("plain"))


@check("sync")
async def a_sync_watch_follows_the_tree(box):
    await box.files.make_dir("r/old")
    handle = await box.files.watch_dir("r", recursive=True)
    await box.files.make_dir("r/new")
    await box.files.write("r/new/file", "x")
    await box.files.rename("r/new", "r/renamed")
    await box.files.write("r/renamed/other", "x")
    events = [(event.type.value, event.name) for event in await handle.get_new_events()]
    for wanted in [("create", "new"), ("write", "new/file"), ("rename", "new"), ("create", "renamed")]:
        assert wanted in events, (wanted, events)
    assert ("write", "renamed/other") in events, events
    await handle.stop()


@check("async")
async def an_async_watch_calls_back(box):
    await box.files.make_dir("w")
    seen = []
    handle = await box.files.watch_dir("w", on_event=lambda event: seen.append((event.type.value, event.name)))
    await box.files.write("w/x.txt", "x")
    await until(lambda: ("write", "x.txt") in seen)
    await handle.stop()


@check()
async def a_terminal_is_typed_into_resized_joined_and_killed(box):
    seen = bytearray()
    size = e2b.PtySize(rows=24, cols=80)
    if FACE == "async":
        terminal = await box.pty.create(size, on_data=lambda data: seen.extend(data))
    else:
        terminal = await box.pty.create(size)
        await asyncio.sleep(0.3)
    await box.pty.resize(terminal.pid, e2b.PtySize(rows=40, cols=100))
    await box.pty.send_stdin(terminal.pid, b"stty size; exit 3\n")
    wait = terminal.wait() if FACE == "async" else terminal.wait(on_pty=lambda data: seen.extend(data))
    error = await raised(e2b.CommandExitException, wait)
    equal(error.exit_code, 3)
    assert b"40 100" in seen, bytes(seen)
    other = await (box.pty.create(size, on_data=lambda data: None) if FACE == "async" else box.pty.create(size))
    equal(await box.pty.kill(other.pid), True)


@check()
async def git_clones_commits_and_pushes(box):
    await box.commands.run("git init -q --bare --initial-branch=main /tmp/origin.git")
    await box.git.clone("/tmp/origin.git", path="/home/user/work")
    await box.git.configure_user("Ada", "ada@example.com")
    await box.files.write("work/readme.md", "hi")
    status = await box.git.status("/home/user/work")
    equal([(entry.name, entry.status) for entry in status.file_status], [("readme.md", "untracked")])
    await box.git.add("/home/user/work")
    await box.git.commit("/home/user/work", "first")
    await box.git.push("/home/user/work", remote="origin", branch="main")
    branches = await box.git.branches("/home/user/work")
    assert "main" in branches.branches, branches
    equal((await box.commands.run("git -C /tmp/origin.git log --format=%s main")).stdout, "first\n")


@check()
async def many_at_once(box):
    answers = await asyncio.gather(*(box.commands.run(f"echo {n}") for n in range(20)))
    equal([answer.stdout.strip() for answer in answers], [str(n) for n in range(20)])


@check()
async def much_output_arrives_whole(box):
    done = await box.commands.run("head -c 20000000 /dev/zero | tr '\\0' x", timeout=90)
    equal(len(done.stdout), 20_000_000)


@check()
async def a_kill_ends_who_waits(box):
    handle = await box.commands.run("sleep 100", background=True)
    waiting = asyncio.ensure_future(raised(e2b.TimeoutException, handle.wait()))
    await asyncio.sleep(0.3)
    await box.kill()
    await asyncio.wait_for(waiting, 15)
    equal(await box.is_running(), False)


@check()
async def a_pause_keeps_files_and_processes(box):
    await box.files.write("kept.txt", "kept")
    handle = await box.commands.run("sleep 1000", background=True)
    pid = handle.pid
    await handle.disconnect()
    pause = getattr(box, "pause", None) or box.beta_pause
    await pause()
    equal((await box.get_info()).state, e2b.SandboxState.PAUSED)
    await box.connect(timeout=120)
    equal(await box.files.read("kept.txt"), "kept")
    assert any(process.pid == pid for process in await box.commands.list())


@check()
async def copies_and_snapshots_start_from_what_was(box):
    if not hasattr(e2b.Sandbox, "fork") or not hasattr(e2b.Sandbox, "create_snapshot"):
        return "this client has no fork"
    await box.files.write("kept.txt", "kept")
    copies = [wrapped(one) for one in await box.fork(count=2, timeout=60)]
    equal(len({box.sandbox_id, *(copy.sandbox_id for copy in copies)}), 3)
    for copy in copies:
        equal(await copy.files.read("kept.txt"), "kept")
        await copy.kill()
    snapshot = await box.create_snapshot()
    equal(snapshot.names, [])
    equal(await box.delete_snapshot(snapshot.snapshot_id), True)


@check()
async def signed_addresses_are_made_for_files(box):
    value = box.download_url("hello world.txt", use_signature_expiration=60)
    value = await value if inspect.isawaitable(value) else value
    assert "signature=v1_" in value and "signature_expiration=" in value, value
    await box.files.write("hello world.txt", "signed")
    request = urllib.request.Request(value, headers={"E2b-Sandbox-Id": box.sandbox_id, "E2b-Sandbox-Port": "49983"})
    with await asyncio.to_thread(urllib.request.urlopen, request) as answer:
        equal(answer.read(), b"signed")


@check()
async def templates_are_built_tagged_and_refused_with_a_reason(box):
    name = f"python-{box.sandbox_id[1:9]}"
    face = e2b.AsyncTemplate if FACE == "async" else e2b.Template

    async def ask(method, *args, **kwargs):
        if FACE == "async":
            return await getattr(face, method)(*args, **kwargs)
        return await asyncio.to_thread(lambda: getattr(face, method)(*args, **kwargs))

    lines = []
    recipe = face().from_base_image().set_workdir("/srv").run_cmd(f"echo {name} | tee said")
    small = {"cpu_count": 1, "memory_mb": 256}
    info = await ask("build", recipe, name, on_build_logs=lambda line: lines.append(line.message), **small)
    assert any(line.endswith(f"[stdout]: {name}") for line in lines), lines
    await ask("assign_tags", f"{name}:default", ["v1"])
    equal(sorted(tag.tag for tag in await ask("get_tags", name)), ["default", "v1"])
    async with Box(template=f"{name}:v1") as made:
        equal((await made.commands.run("cat said")).stdout, f"{name}\n")
    failing = face().from_base_image().run_cmd("echo why; exit 5")
    error = await raised(e2b.BuildException, ask("build", failing, name, **small))
    assert "exit status 5" in str(error) and "why" in str(error), error
    equal(await ask("exists", name), True)
    equal(await box.delete_snapshot(info.template_id), True)


async def main():
    for function in CHECKS:
        problem = skipped = None
        try:
            async with Box() as box:
                skipped = await asyncio.wait_for(function(box), 100)
        except Exception:
            problem = traceback.format_exc(limit=-4)
        name = function.__name__.replace("_", " ")
        print(json.dumps({"name": name, "ok": problem is None, "problem": problem, "skipped": skipped}), flush=True)


asyncio.run(main())
