package runner

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/language"
	"github.com/sandgate/sandgate/judge0/sandboxtest"
)

var (
	shared    *Runner
	languages *language.Set
)

func TestMain(m *testing.M) {
	os.Exit(func() int {
		boxes, set, closeAll, err := sandboxtest.Open(4)
		if err != nil {
			fmt.Println("FAIL: no sandbox:", err)
			return 1
		}
		defer closeAll()
		languages = set
		shared = New(Options{Boxes: boxes, Languages: set, Config: api.DefaultConfig()})
		fmt.Println("isolation:", boxes.Isolation())
		for _, l := range set.Languages().Active() {
			fmt.Println("language", l.ID, l.Name)
		}
		return m.Run()
	}())
}

// submit checks params as a server does, and runs them.
func submit(t *testing.T, params api.Params) api.Result {
	t.Helper()
	s, faults := api.NewSubmission(params, false, api.DefaultConfig(), languages.Languages())
	if faults != nil {
		t.Fatalf("refused: %v", faults)
	}
	result, err := shared.Run(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func show(r api.Result) string {
	text := func(p *string) string {
		if p == nil {
			return "null"
		}
		return fmt.Sprintf("%.300q", *p)
	}
	number := func(p *int) string {
		if p == nil {
			return "null"
		}
		return fmt.Sprint(*p)
	}
	return fmt.Sprintf("status %d, stdout %s, stderr %s, compile_output %s, message %s, exit %s/%s", r.Status, text(r.Stdout), text(r.Stderr), text(r.CompileOutput), text(r.Message), number(r.ExitCode), number(r.ExitSignal))
}

// The eight languages, each with six programs. spin uses up the time, hog the memory.
var programs = []struct {
	id                                    int
	name                                  string
	hello, echo, broken, fails, spin, hog string
	// what a runtime makes of a failure and of a want of memory
	failStatus int
	hogStatus  []int
	compiled   bool
}{
	{id: 50, name: "C", compiled: true, failStatus: 7, hogStatus: []int{12},
		hello:  `#include <stdio.h>` + "\n" + `int main(){puts("hello");}`,
		echo:   `#include <stdio.h>` + "\n" + `int main(){int c;while((c=getchar())!=EOF)putchar(c);}`,
		broken: `int main(){ return x; }`,
		fails:  `int main(){ *(volatile int*)0=1; }`,
		spin:   `int main(){ for(;;); }`,
		hog:    "#include <stdlib.h>\n#include <string.h>\nint main(){ for(;;){ char*p=malloc(1<<20); if(!p) return 9; memset(p,1,1<<20);} }",
	},
	{id: 54, name: "C++", compiled: true, failStatus: 10, hogStatus: []int{12},
		hello:  "#include <iostream>\nint main(){ std::cout<<\"hello\"<<std::endl; }",
		echo:   "#include <iostream>\nint main(){ std::cout<<std::cin.rdbuf(); }",
		broken: `int main(){ std::cout; }`,
		fails:  "#include <stdexcept>\nint main(){ throw std::runtime_error(\"boom\"); }",
		spin:   `int main(){ volatile int x=0; while(true) x=x+1; }`,
		hog:    "#include <vector>\nint main(){ std::vector<std::vector<char>> v; for(;;) v.emplace_back(1<<20, 'x'); }",
	},
	{id: 62, name: "Java", compiled: true, failStatus: 11, hogStatus: []int{11, 12},
		hello:  `public class Main { public static void main(String[] a){ System.out.println("hello"); } }`,
		echo:   `public class Main { public static void main(String[] a) throws Exception { System.in.transferTo(System.out); } }`,
		broken: `public class Main { public static void main(String[] a){ int x = "s"; } }`,
		fails:  `public class Main { public static void main(String[] a){ throw new IllegalStateException("boom"); } }`,
		spin:   `public class Main { public static void main(String[] a){ for(;;); } }`,
		hog:    `public class Main { public static void main(String[] a){ var l = new java.util.ArrayList<byte[]>(); for(;;) l.add(new byte[1<<20]); } }`,
	},
	{id: 71, name: "Python", failStatus: 11, hogStatus: []int{12},
		hello:  `print("hello")`,
		echo:   `import sys; sys.stdout.write(sys.stdin.read())`,
		broken: `print(`,
		fails:  `raise ValueError("boom")`,
		spin:   `while True: pass`,
		hog:    "x=[]\nwhile True: x.append(bytearray(1<<20))",
	},
	{id: 60, name: "Go", compiled: true, failStatus: 11, hogStatus: []int{11, 12},
		hello:  "package main\nimport \"fmt\"\nfunc main() { fmt.Println(\"hello\") }",
		echo:   "package main\nimport (\"io\"; \"os\")\nfunc main() { io.Copy(os.Stdout, os.Stdin) }",
		broken: "package main\nfunc main() { x }",
		fails:  "package main\nfunc main() { panic(\"boom\") }",
		spin:   "package main\nfunc main() { for {} }",
		hog:    "package main\nfunc main() { var l [][]byte; for { b := make([]byte, 1<<20); for i := range b { b[i] = 1 }; l = append(l, b) } }",
	},
	{id: 73, name: "Rust", compiled: true, failStatus: 11, hogStatus: []int{12},
		hello:  `fn main() { println!("hello"); }`,
		echo:   `fn main() { std::io::copy(&mut std::io::stdin(), &mut std::io::stdout()).unwrap(); }`,
		broken: `fn main() { let x: i32 = "s"; }`,
		fails:  `fn main() { panic!("boom"); }`,
		spin:   `fn main() { loop {} }`,
		hog:    `fn main() { let mut v = Vec::new(); loop { v.push(vec![1u8; 1 << 20]); } }`,
	},
	{id: 63, name: "JavaScript", failStatus: 11, hogStatus: []int{10, 12},
		hello:  `console.log("hello")`,
		echo:   `process.stdin.pipe(process.stdout)`,
		broken: `console.log(`,
		fails:  `throw new Error("boom")`,
		spin:   `for(;;);`,
		hog:    `const l=[]; for(;;) l.push(new Array(1<<17).fill(1.5))`,
	},
	{id: 74, name: "TypeScript", compiled: true, failStatus: 11, hogStatus: []int{10, 12},
		hello:  `const s: string = "hello"; console.log(s)`,
		echo:   `import * as fs from "fs"; process.stdout.write(fs.readFileSync(0))`,
		broken: `const n: number = "s";`,
		fails:  `throw new Error("boom")`,
		spin:   `for(;;);`,
		hog:    `const l: number[][] = []; for(;;) l.push(new Array(1<<17).fill(1.5))`,
	},
}

func TestEightLanguages(t *testing.T) {
	t.Parallel()
	for _, p := range programs {
		if _, ok := languages.Get(p.id); !ok {
			t.Run(p.name, func(t *testing.T) { t.Skipf("this host has no %s", p.name) })
			continue
		}
		brokenStatus := api.RuntimeErrorNZEC
		if p.compiled {
			brokenStatus = api.CompilationError
		}
		for _, tc := range []struct {
			name   string
			params api.Params
			want   []int
			check  func(api.Result) bool
		}{
			{"hello", api.Params{"source_code": p.hello, "expected_output": "hello"}, []int{api.Accepted}, func(r api.Result) bool {
				return *r.Stdout == "hello\n" && *r.ExitCode == 0 && *r.Memory > 0 && *r.Time >= 0 && r.Message == nil
			}},
			{"stdin", api.Params{"source_code": p.echo, "stdin": "größer ✓\n"}, []int{api.Accepted}, func(r api.Result) bool { return *r.Stdout == "größer ✓\n" }},
			{"does not compile", api.Params{"source_code": p.broken}, []int{brokenStatus}, func(r api.Result) bool {
				if p.compiled {
					return r.CompileOutput != nil && r.Time == nil && r.Memory == nil && r.ExitCode == nil
				}
				return strings.Contains(*r.Stderr, "SyntaxError")
			}},
			{"fails", api.Params{"source_code": p.fails}, []int{p.failStatus}, func(r api.Result) bool { return r.Message != nil }},
			{"time limit", api.Params{"source_code": p.spin, "cpu_time_limit": "0.7", "cpu_extra_time": "0"}, []int{api.TimeLimitExceeded}, func(r api.Result) bool {
				return *r.Time >= 0.7 && *r.Time < 2 && *r.Message == "Time limit exceeded"
			}},
			{"memory limit", api.Params{"source_code": p.hog, "memory_limit": "90000"}, p.hogStatus, func(r api.Result) bool { return *r.Memory <= 90_000 }},
		} {
			t.Run(p.name+"/"+tc.name, func(t *testing.T) {
				t.Parallel()
				tc.params["language_id"] = fmt.Sprint(p.id)
				r := submit(t, tc.params)
				ok := false
				for _, status := range tc.want {
					ok = ok || r.Status == status
				}
				if !ok || !tc.check(r) {
					t.Errorf("want status %v, got %s", tc.want, show(r))
				}
			})
		}
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		params api.Params
		want   string
	}{
		{"plain text", api.Params{"language_id": "43", "source_code": "just text\n"}, `status 3, stdout "just text\n", stderr null, compile_output null, message null, exit 0/null`},
		{"exit code", api.Params{"language_id": "46", "source_code": "echo x; exit 3"}, `status 11, stdout "x\n", stderr null, compile_output null, message "Exited with error status 3", exit 3/null`},
		{"wrong answer", api.Params{"language_id": "46", "source_code": "echo ' a'", "expected_output": "a"}, `status 4, stdout " a\n", stderr null, compile_output null, message null, exit 0/null`},
		{"white space", api.Params{"language_id": "46", "source_code": "printf 'a  \\nb\\n\\n\\n'", "expected_output": "a\nb"}, `status 3, stdout "a  \nb\n\n\n", stderr null, compile_output null, message null, exit 0/null`},
		{"nothing is not empty", api.Params{"language_id": "46", "source_code": "true", "expected_output": ""}, `status 4, stdout null, stderr null, compile_output null, message null, exit 0/null`},
		{"signal", api.Params{"language_id": "46", "source_code": "kill -FPE $$"}, `status 9, stdout null, stderr null, compile_output null, message "Caught fatal signal 8", exit 0/8`},
		{"file size", api.Params{"language_id": "46", "source_code": "exec yes > /tmp/x"}, `status 8, stdout null, stderr null, compile_output null, message "Caught fatal signal 25", exit 0/25`},
		{"wall clock", api.Params{"language_id": "46", "source_code": "echo a; sleep 100", "wall_time_limit": "1"}, `status 5, stdout "a\n", stderr null, compile_output null, message "Time limit exceeded (wall clock)", exit 0/null`},
		{"merged", api.Params{"language_id": "46", "source_code": "echo out; echo err >&2", "redirect_stderr_to_stdout": "true"}, `status 3, stdout "out\nerr\n", stderr null, compile_output null, message null, exit 0/null`},
		{"arguments", api.Params{"language_id": "46", "source_code": `echo "$1|$2"`, "command_line_arguments": "a 'b c' ; echo $HOME"}, `status 3, stdout "a|b c\n", stderr null, compile_output null, message null, exit 0/null`},
		{"NUL in arguments", api.Params{"language_id": "46", "source_code": `echo "$1|$2"`, "command_line_arguments": "a\x00b \x00c"}, `status 3, stdout "ab|c\n", stderr null, compile_output null, message null, exit 0/null`},
		{"not executable", api.Params{"language_id": "44", "source_code": "\x7fELF nonsense\x00"}, `status 14, stdout null, stderr "/bin/bash: line 1: ./a.out: cannot execute binary file: Exec format error\n", compile_output null, message "Exec format error", exit 126/null`},
		{"no zip", api.Params{"language_id": "89", "additional_files": "bm8gemlw"}, `status 6, stdout null, stderr null, compile_output "additional_files: the archive can't be unpacked: zip: not a valid zip file\n", message null, exit null/null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := show(submit(t, tc.params)); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestMultiFile(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"compile and run", map[string]string{"compile": "echo made > it", "run": "cat it; cat"}, `status 3, stdout "made\nin", stderr null, compile_output null, message null, exit 0/null`},
		{"with endings", map[string]string{"compile.sh": "echo noise", "run.sh": "echo ran"}, `status 3, stdout "ran\n", stderr null, compile_output "noise\n", message null, exit 0/null`},
		{"compile fails", map[string]string{"compile": "echo broken; exit 4", "run": "echo never"}, `status 6, stdout null, stderr null, compile_output "broken\n", message null, exit null/null`},
		{"no run", map[string]string{"x": "x"}, `status 11, stdout null, stderr "/bin/bash: run: No such file or directory\n", compile_output null, message "Exited with error status 127", exit 127/null`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := submit(t, api.Params{"language_id": "89", "stdin": "in", "additional_files": zipped(t, tc.files)})
			if got := show(r); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestAdditionalFilesNeverReplaceTheSource(t *testing.T) {
	t.Parallel()
	r := submit(t, api.Params{"language_id": "46", "source_code": "cat data.txt", "additional_files": zipped(t, map[string]string{"data.txt": "data", "script.sh": "echo replaced"})})
	if got, want := show(r), `status 3, stdout "data", stderr null, compile_output null, message null, exit 0/null`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func zipped(t *testing.T, files map[string]string) string {
	t.Helper()
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	for name, text := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return api.EncodeBase64(buffer.String())
}

func TestNumberOfRuns(t *testing.T) {
	t.Parallel()
	r := submit(t, api.Params{"language_id": "46", "source_code": "echo x >> /tmp/n; cat /tmp/n", "number_of_runs": "3"})
	if got, want := show(r), `status 3, stdout "x\nx\nx\n", stderr null, compile_output null, message null, exit 0/null`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r = submit(t, api.Params{"language_id": "46", "source_code": "echo x >> /tmp/n; [ $(wc -l < /tmp/n) -lt 2 ]", "number_of_runs": "5"})
	if r.Status != api.RuntimeErrorNZEC {
		t.Errorf("it went on after a failure: %s", show(r))
	}
	// CPU time, of which a busy machine takes none away: 0.2, 0.4 and 0.6 s.
	r = submit(t, api.Params{"language_id": "71", "source_code": `import time
with open("/tmp/n", "a") as f: f.write("x")
n = len(open("/tmp/n").read())
while time.process_time() < n * 0.2: pass`, "number_of_runs": "3", "wall_time_limit": "20"})
	if r.Status != api.Accepted || *r.Time < 0.4 || *r.Time >= 0.6 {
		t.Errorf("the time is no average: %s, %v s", show(r), *r.Time)
	}
}

// A program beyond its time is left alive for the extra time, so that its real time is known.
func TestExtraTime(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, source string
		least, most  float64
	}{
		{"ends in it", "import time\nwhile time.process_time() < 0.4: pass\nprint('end')", 0.4, 0.7},
		{"goes on", "while True: pass", 0.7, 1.7},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := submit(t, api.Params{"language_id": "71", "source_code": tc.source, "cpu_time_limit": "0.2", "cpu_extra_time": "0.5", "wall_time_limit": "20"})
			if r.Status != api.TimeLimitExceeded || *r.Message != "Time limit exceeded" || *r.Time < tc.least || *r.Time > tc.most || *r.ExitCode != 0 {
				t.Errorf("got %s, %v s", show(r), *r.Time)
			}
		})
	}
}

// Judge0 takes 0 for no limit. The maximum of the engine holds nevertheless.
func TestNoLimitIsTheMaximum(t *testing.T) {
	t.Parallel()
	config := api.DefaultConfig()
	config.MaxCPUTimeLimit, config.MaxStackLimit, config.CPUTimeLimit, config.StackLimit = 0.3, 16_000, 0.3, 16_000
	r := New(Options{Boxes: shared.Boxes, Languages: languages, Config: config})
	run := func(params api.Params) api.Result {
		t.Helper()
		s, faults := api.NewSubmission(params, false, config, languages.Languages())
		if faults != nil {
			t.Fatalf("refused: %v", faults)
		}
		result, err := r.Run(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	for _, limit := range []string{"0", "1e-12"} {
		got := run(api.Params{"language_id": "46", "source_code": "while :; do :; done", "cpu_time_limit": limit, "cpu_extra_time": "0", "wall_time_limit": "15"})
		if got.Status != api.TimeLimitExceeded || *got.Message != "Time limit exceeded" || *got.Time > 2 {
			t.Errorf("cpu_time_limit %s: %s, %v s", limit, show(got), *got.Time)
		}
	}
	if got := run(api.Params{"language_id": "46", "source_code": "ulimit -s", "stack_limit": "0"}); got.Stdout == nil || *got.Stdout != "16000\n" {
		t.Errorf("stack_limit 0: %s", show(got))
	}
	// What is above 0 and no whole number is not none.
	if got := run(api.Params{"language_id": "46", "source_code": "/bin/true & wait; echo $?", "max_processes_and_or_threads": "0.5"}); got.Stdout != nil {
		t.Errorf("no process at all: %s", show(got))
	}
}

// Each process may use the limit for itself; without the option all of them together may.
func TestLimitsOfEachProcess(t *testing.T) {
	t.Parallel()
	burn := `for i in 1 2 3; do (end=$((SECONDS+1)); while [ $SECONDS -lt $end ]; do :; done) & done; wait; echo done`
	r := submit(t, api.Params{"language_id": "46", "source_code": burn, "cpu_time_limit": "2", "cpu_extra_time": "0", "wall_time_limit": "15", "enable_per_process_and_thread_time_limit": "true"})
	if r.Status != api.Accepted {
		t.Errorf("three processes within the limit of each: %s", show(r))
	}
	r = submit(t, api.Params{"language_id": "46", "source_code": "while :; do :; done", "cpu_time_limit": "1", "wall_time_limit": "15", "enable_per_process_and_thread_time_limit": "true"})
	if r.Status != api.TimeLimitExceeded {
		t.Errorf("one process beyond its limit: %s", show(r))
	}
	r = submit(t, api.Params{"language_id": "71", "source_code": "x = bytearray(90_000_000)", "memory_limit": "80000", "enable_per_process_and_thread_memory_limit": "true"})
	if r.Status != api.RuntimeErrorNZEC || !strings.Contains(*r.Stderr, "MemoryError") {
		t.Errorf("one process beyond its memory: %s", show(r))
	}
}

// A compiler that is made to read the host's secrets, or to run for ever, is held like a program.
func TestHostileCompilation(t *testing.T) {
	t.Parallel()
	if _, ok := languages.Get(50); !ok {
		t.Skip("this host has no gcc")
	}
	r := submit(t, api.Params{"language_id": "50", "source_code": "#include \"/etc/shadow\"\nint main(){}"})
	if r.Status != api.CompilationError || strings.Contains(*r.CompileOutput, "root:") {
		t.Errorf("got %s", show(r))
	}
	r = submit(t, api.Params{"language_id": "50", "source_code": "#include \"/dev/zero\"\nint main(){}"})
	if r.Status != api.CompilationError {
		t.Errorf("got %s", show(r))
	}

	impatient := *shared
	impatient.Config.MaxCPUTimeLimit, impatient.Config.MaxCPUExtraTime, impatient.Config.MaxWallTime, impatient.Config.MaxMemoryLimit = 2, 0, 6, 100_000
	const tooLong, noMemory = "Compilation time limit exceeded.", "memory"
	for _, tc := range []struct {
		name   string
		params api.Params
		want   []string // any of them is part of what is told
	}{
		{"a script for ever", api.Params{"language_id": "89", "additional_files": zipped(t, map[string]string{"compile": "while :; do :; done", "run": "echo ran"})}, []string{tooLong}},
		{"a script that sleeps", api.Params{"language_id": "89", "additional_files": zipped(t, map[string]string{"compile": "sleep 1000", "run": "echo ran"})}, []string{tooLong}},
		{"includes itself twice", api.Params{"language_id": "50", "source_code": "#include __FILE__\n#include __FILE__\nint main(){}"}, []string{tooLong, "nested"}},
		{"constants for ever", api.Params{"language_id": "54", "compiler_options": "-fconstexpr-ops-limit=99999999999 -fconstexpr-loop-limit=2147483647",
			"source_code": "constexpr long f() { long x = 0; for (int i = 0; i < 2000000000; i++) x += i; return x; }\nconstexpr long y = f();\nint main(){}"}, []string{tooLong, noMemory, "Killed"}},
		{"templates without end", api.Params{"language_id": "54", "source_code": "template <int A, long B> struct T { static const long v = T<A - 1, 2 * B>::v + T<A - 1, 2 * B + 1>::v; };\n" +
			"template <long B> struct T<0, B> { static const long v = B; };\nint main() { return T<40, 1>::v; }"}, []string{tooLong, noMemory, "Killed"}},
		{"an array of 4 GB", api.Params{"language_id": "54", "source_code": "struct A { char b[1L << 32]; };\nconstexpr A f() { A a{}; for (long i = 0; i < 1L << 32; i++) a.b[i] = 1; return a; }\nconstexpr A x = f();\nint main(){}"},
			[]string{tooLong, noMemory, "Killed", "error"}},
		{"errors without end", api.Params{"language_id": "89", "additional_files": zipped(t, map[string]string{"compile": "yes; exit 1", "run": "echo ran"})}, []string{tooLong, "y\ny"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if _, ok := languages.Get(54); !ok && tc.params["language_id"] == "54" {
				t.Skip("this host has no g++")
			}
			s, faults := api.NewSubmission(tc.params, false, api.DefaultConfig(), languages.Languages())
			if faults != nil {
				t.Fatalf("refused: %v", faults)
			}
			r, err := impatient.Run(context.Background(), s)
			told := ""
			if r.CompileOutput != nil {
				told = *r.CompileOutput
			}
			if err != nil || r.Status != api.CompilationError || r.Stdout != nil || r.Time != nil || len(told) > compilerOutput ||
				!slices.ContainsFunc(tc.want, func(part string) bool { return strings.Contains(told, part) }) {
				t.Errorf("got %s, %v", show(r), err)
			}
		})
	}
}

// Whatever a submission says, and however it came into the store, its program has no network.
func TestNoNetwork(t *testing.T) {
	t.Parallel()
	script := "tail -n +3 /proc/net/dev | grep -v ' *lo:'; for to in 127.0.0.1/22 127.0.0.1/2358 169.254.169.254/80 1.1.1.1/53; do (echo > /dev/tcp/$to) 2>/dev/null && echo REACHED $to; done; echo tried"
	s, faults := api.NewSubmission(api.Params{"language_id": "46", "source_code": script}, false, api.DefaultConfig(), languages.Languages())
	if faults != nil {
		t.Fatal(faults)
	}
	s.EnableNetwork = true
	r, err := shared.Run(context.Background(), s)
	if err != nil || r.Stdout == nil || *r.Stdout != "tried\n" {
		t.Errorf("got %s, %v", show(r), err)
	}
}

// MAX_EXTRACT_SIZE bounds what comes out of an archive, and MAX_FILE_SIZE what a program writes.
func TestSizes(t *testing.T) {
	t.Parallel()
	small := *shared
	small.Config.MaxExtractSize = 100
	for size, want := range map[int]int{90_000: api.Accepted, 110_000: api.CompilationError} {
		s, faults := api.NewSubmission(api.Params{"language_id": "46", "source_code": "wc -c < big", "additional_files": zipped(t, map[string]string{"big": strings.Repeat("x", size)})}, false, api.DefaultConfig(), languages.Languages())
		if faults != nil {
			t.Fatal(faults)
		}
		if r, err := small.Run(context.Background(), s); err != nil || r.Status != want || want == api.CompilationError && !strings.Contains(*r.CompileOutput, "more than is allowed") {
			t.Errorf("%d bytes: %s, %v", size, show(r), err)
		}
	}
}

func TestSplit(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{"/usr/bin/python3 script.py": 2, "/usr/bin/python3 script.py 'a b'": 3, "./a.out": 3, "/bin/cat x*": 3, "/usr/bin/node --x=1 s.js": 3} {
		got := split(line)
		if direct := got[0] != "/bin/bash"; len(got) != want || direct != (strings.HasPrefix(line, "/") && !strings.ContainsAny(line, "'*")) {
			t.Errorf("%q: %q", line, got)
		}
	}
}
