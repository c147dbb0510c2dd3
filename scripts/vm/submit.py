"""Starts an engine and sends it submissions that try its limits; tells what came of each as `go test` does."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request

PORT = "23580"
URL = f"http://127.0.0.1:{PORT}"
C, BASH, PYTHON = 50, 46, 71
grouped = os.environ["require"] == "true"


def call(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def submit(language, source, **params):
    body = {"language_id": language, "source_code": source, "wall_time_limit": 20, **params}
    return call("/submissions?wait=true&fields=*", body)


# name, submission, what must hold, whether it needs control groups
CASES = [
    ("hello", (PYTHON, "print('hello')"), {}, lambda r: r["status_id"] == 3 and r["stdout"] == "hello\n" and r["memory"] > 0, False),
    ("compiled", (C, '#include <stdio.h>\nint main(void) { puts("hello"); }'), {}, lambda r: r["status_id"] == 3 and r["stdout"] == "hello\n", False),
    ("time", (PYTHON, "while True: pass"), {"cpu_time_limit": 1, "cpu_extra_time": 0}, lambda r: r["status_id"] == 5 and 1 <= float(r["time"]) < 2, False),
    ("time of children", (BASH, "for i in 1 2 3 4; do (while :; do :; done) & done; wait"), {"cpu_time_limit": 1, "cpu_extra_time": 0}, lambda r: r["status_id"] == 5 and 1 <= float(r["time"]) < 2, True),
    ("time that slept", (BASH, "sleep 60"), {"wall_time_limit": 1}, lambda r: r["status_id"] == 5 and float(r["time"]) < 0.5, False),
    ("memory", (PYTHON, "x = []\nwhile True: x.append(bytearray(1 << 20))"), {"memory_limit": 65536}, lambda r: r["status_id"] == 12 and r["memory"] <= 65536, True),
    ("memory of children", (PYTHON, "import os, time\nfor i in range(3): os.fork()\nx = bytearray(20 << 20)\ntime.sleep(5)"), {"memory_limit": 65536}, lambda r: r["status_id"] == 12 and r["memory"] <= 65536, True),
    ("memory that is given back", (PYTHON, "x = bytearray(40 << 20); del x; print('done')"), {}, lambda r: r["status_id"] == 3 and 40_000 < r["memory"] < 80_000, False),
    ("memory of files", (BASH, "head -c 100M /dev/zero > /tmp/x; echo written"), {"memory_limit": 65536, "max_file_size": 200_000}, lambda r: r["status_id"] != 3 or r["stdout"] is None, True),
    ("fork bomb", (BASH, "b() { b | b & }; b; sleep 100"), {"cpu_time_limit": 2, "wall_time_limit": 4}, lambda r: r["status_id"] in (5, 11, 12), False),
    ("processes", (PYTHON, "import os, time\nn = 0\ntry:\n  while n < 100:\n    if os.fork() == 0: time.sleep(5); os._exit(0)\n    n += 1\nexcept OSError: pass\nprint(n)"), {"max_processes_and_or_threads": 10}, lambda r: r["stdout"] == "9\n", True),
    ("output", (BASH, "exec yes"), {"max_file_size": 64}, lambda r: r["status_id"] == 8 and len(r["stdout"]) == 64 * 1024, False),
    ("network", (PYTHON, f"import socket\ntry: print(socket.create_connection(('127.0.0.1', {PORT}), 2))\nexcept OSError as e: print(e.errno)"), {}, lambda r: r["stdout"] == "101\n", False),
    ("its own group", (BASH, "cat /proc/self/cgroup"), {}, lambda r: r["stdout"] == "0::/\n" if grouped else True, False),
    ("hello after all that", (PYTHON, "print('hello')"), {}, lambda r: r["status_id"] == 3 and r["stdout"] == "hello\n", False),
]


def main():
    data = os.path.join(os.environ["TMPDIR"], "data")
    env = {"PATH": os.environ["PATH"], "TMPDIR": os.environ["TMPDIR"], "DATA_DIR": data, "PORT": PORT, "LISTEN": "127.0.0.1",
           "SANDBOX_REQUIRE_CGROUP": os.environ["require"], "LOG_FORMAT": "text", "COUNT": "2"}
    began = time.monotonic()
    engine = subprocess.Popen(["/payload/judge0"], env=env)
    failed = 0

    def tell(name, passed, more=""):
        nonlocal failed
        failed += not passed
        print(f"--- {'PASS' if passed else 'FAIL'}: {name} {more}", flush=True)

    while True:
        try:
            call("/languages")
            break
        except (urllib.error.URLError, ConnectionError):
            if engine.poll() is not None or time.monotonic() - began > 300:
                tell("the engine starts", False, f"it ended with {engine.poll()}")
                engine.kill()
                return 1
            time.sleep(0.2)
    tell("the engine starts", True, f"({time.monotonic() - began:.1f} s)")
    for name, program, params, held, needs_groups in CASES:
        if needs_groups and not grouped:
            print(f"--- SKIP: {name}: needs control groups", flush=True)
            continue
        result = submit(*program, **params)
        shown = {key: result[key] if key != "stdout" else (result[key] or "")[:60] for key in ("status_id", "time", "memory", "stdout", "stderr", "message")}
        tell(name, held(result), str(shown))
    engine.terminate()
    tell("the engine stops", engine.wait(60) == 0)
    return 1 if failed else 0


sys.exit(main())
