package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
)

type reviewed struct {
	JobID       string
	Checker     *string
	Diagnostics []struct {
		File, Severity, Message string
		Line, Column            int
	}
	Policy []struct{ Rule, Name, Severity, Message string }
	Status int
	Detail string
}

func (r reviewed) worst() string {
	worst := ""
	for _, d := range r.Diagnostics {
		if d.Severity == "error" || worst == "" {
			worst = d.Severity
		}
	}
	return worst
}

// The checker of each language looks at a good program, at one to be warned of, and at a bad one.
func TestChecks(t *testing.T) {
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	known := p.keys()
	p.forbid(t)
	atOnce := make(chan struct{}, 3)
	var wg sync.WaitGroup
	for _, tc := range []struct {
		language, tool      string
		good, doubtful, bad string
		line                int // of the fault in bad
	}{
		{"c", "gcc", "int main(void) { return 0; }\n", "int main(void) { int x; return 0; }\n", "\nint main(void) { return x; }\n", 2},
		{"cpp", "g++", "#include <vector>\nint main() { return std::vector<int>(1)[0]; }\n", "int main() { int x; }\n", "int main() {\n  std::cout;\n}\n", 2},
		{"java", "javac", "class Main { public static void main(String[] a) { } }\n", "import java.util.*;\nclass Main { List l = null; }\n", "class Main {\n\n  int x = \"\";\n}\n", 3},
		{"python", "python3", "import os\nprint(1)\n", "x = 1\nprint(x is 1)\n", "x = 1\nif x:\nprint(1)\n", 3},
		{"go", "go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(1) }\n", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Printf(\"%d\", \"x\") }\n", "package main\n\nfunc main() { x }\n", 3},
		{"rust", "rustc", "fn main() {}\n", "fn main() { let x = 1; }\n", "fn main() {\n    x;\n}\n", 2},
		{"javascript", "node", "console.log(1)\n", "", "const x = 1;\nconst x = ;\n", 2},
		{"typescript", "tsc", "const x: number = 1; console.log(x);\n", "", "const x: number = 1;\nconst y: string = x;\n", 2},
	} {
		if !known[tc.language] {
			t.Run(tc.language, func(t *testing.T) { t.Skip("its toolchain is not on this machine") })
			continue
		}
		wg.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			for _, program := range []struct{ source, worst string }{{tc.good, ""}, {tc.doubtful, "warning"}, {tc.bad, "error"}} {
				if program.source == "" {
					continue
				}
				var r reviewed
				code, err := p.call("POST", "/api/v1/check", map[string]any{"language": tc.language, "code": program.source}, &r)
				if err != nil || code != 200 || r.Checker == nil || !strings.HasPrefix(*r.Checker, tc.tool) || r.worst() != program.worst || r.Policy == nil || r.Diagnostics == nil {
					t.Errorf("%s, %q: %d, %v, %+v", tc.language, program.source, code, err, r)
					continue
				}
				if program.worst == "error" && r.Diagnostics[0].Line != tc.line {
					t.Errorf("%s: %+v", tc.language, r.Diagnostics)
				}
			}
			var r reviewed
			code, err := p.call("POST", "/api/v1/run", map[string]any{"language": tc.language, "code": tc.bad, "check": "enforce"}, &r)
			if err != nil || code != 422 || r.JobID != "" || r.worst() != "error" || r.Detail != "the program has errors" {
				t.Errorf("%s, enforced: %d, %v, %+v", tc.language, code, err, r)
			}
			if tc.language != "c" {
				return
			}
			code, err = p.call("POST", "/api/v1/run", map[string]any{"language": tc.language, "code": tc.bad, "check": "report"}, &r)
			if err != nil || code != 202 || r.JobID == "" || r.worst() != "error" {
				t.Errorf("%s, reported: %d, %v, %+v", tc.language, code, err, r)
			}
		})
	}
	wg.Wait()

	// A file of the archive is seen by the checker.
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, text := range map[string]string{"own.h": "#define OWN 1\n", "run": "echo no", "compile.sh": "exit 1"} {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	var r reviewed
	code, err := p.call("POST", "/api/v1/check", map[string]any{"language": "c", "code": "#include \"own.h\"\nint main(void) { return OWN; }\n", "additionalFiles": base64.StdEncoding.EncodeToString(archive.Bytes())}, &r)
	if err != nil || code != 200 || len(r.Diagnostics) > 0 || r.Checker == nil {
		t.Errorf("with a header: %d, %v, %+v", code, err, r)
	}
	// Nothing of it is in the history: only what was run is.
	var page struct {
		Meta struct {
			TotalCount int `json:"total_count"`
		}
	}
	if _, err := p.call("GET", "/submissions", nil, &page); err != nil || page.Meta.TotalCount > 1 {
		t.Errorf("%d submissions, %v", page.Meta.TotalCount, err)
	}
}

// forbid sets a policy, which holds on every route that takes programs.
func (p *process) forbid(t *testing.T) {
	t.Helper()
	var me struct{ Account string }
	if _, err := p.call("GET", "/api/v1/me", nil, &me); err != nil {
		t.Fatal(err)
	}
	policy := map[string]any{"mode": "enforce", "languages": map[string]any{"bash": map[string]any{"patterns": []any{map[string]any{"pattern": `\bcurl\b`, "message": "there is no network"}}}}}
	var none any
	if code, err := p.call("PUT", "/api/v1/accounts/"+me.Account, map[string]any{"policy": policy}, &none); err != nil || code != 200 {
		t.Fatalf("%d, %v, %v", code, err, none)
	}
	const source = "# no curl here\necho a\ncurl b\n"
	var r reviewed
	if code, err := p.call("POST", "/api/v1/run", map[string]any{"language": "bash", "code": source}, &r); err != nil || code != 422 || len(r.Policy) != 1 || r.Policy[0].Message != "there is no network" || r.Policy[0].Severity != "error" {
		t.Errorf("run: %d, %v, %+v", code, err, r)
	}
	if code, err := p.call("POST", "/api/v1/check", map[string]any{"language": "bash", "code": source}, &r); err != nil || code != 200 || len(r.Policy) != 1 {
		t.Errorf("check: %d, %v, %+v", code, err, r)
	}
	submission := map[string]any{"language_id": 46, "source_code": source}
	var faults map[string][]string
	if code, err := p.call("POST", "/submissions", submission, &faults); err != nil || code != 422 || len(faults["source_code"]) != 1 || faults["source_code"][0] != "line 3: there is no network" {
		t.Errorf("submissions: %d, %v, %v", code, err, faults)
	}
	var batch []map[string][]string
	if code, err := p.call("POST", "/submissions/batch", map[string]any{"submissions": []any{submission}}, &batch); err != nil || code != 422 || len(batch) != 1 {
		t.Errorf("batch: %d, %v, %v", code, err, batch)
	}
	policy["mode"] = "strict"
	var problem struct{ Errors map[string][]string }
	if code, err := p.call("PUT", "/api/v1/accounts/"+me.Account, map[string]any{"policy": policy}, &problem); err != nil || code != 422 || problem.Errors["policy"] == nil {
		t.Errorf("a policy that is none: %d, %v, %+v", code, err, problem)
	}
}

// keys gives the keys of the languages of this machine.
func (p *process) keys() map[string]bool {
	var list struct{ Languages []struct{ Key string } }
	if _, err := p.call("GET", "/api/v1/languages", nil, &list); err != nil {
		p.t.Fatal(err)
	}
	keys := map[string]bool{}
	for _, l := range list.Languages {
		keys[l.Key] = true
	}
	return keys
}

// The languages of this machine run within the defaults of the sandboxed platform.
func TestDefaultsOfRun(t *testing.T) {
	p := start(t, dataDir(t), nil, "SANDGATE_BOOTSTRAP_KEY="+key)
	known := p.keys()
	for language, source := range map[string]string{
		"bash": "echo hello", "c": "#include <stdio.h>\nint main(){puts(\"hello\");}", "cpp": "#include <iostream>\nint main(){std::cout<<\"hello\\n\";}",
		// Some work for the collector, beyond a greeting.
		"java":       "import java.util.*; import java.util.stream.*; public class Main { public static void main(String[] a) throws Exception { long n = 0; for (int i = 0; i < 300; i++) { byte[] b = new byte[1 << 20]; n += b.length; } List<Integer> l = IntStream.range(0, 500000).boxed().collect(Collectors.toList()); Thread[] t = new Thread[20]; for (int i = 0; i < 20; i++) { t[i] = new Thread(() -> {}); t[i].start(); } for (Thread x : t) x.join(); System.out.println(\"hello\"); } }",
		"python":     "x = list(range(500000)); print('hello')",
		"go":         "package main\nimport \"fmt\"\nfunc main() { for i := 0; i < 300; i++ { _ = make([]byte, 1<<20) }; fmt.Println(\"hello\") }",
		"rust":       "fn main() { println!(\"hello\") }",
		"javascript": "let s = 0; for (let i = 0; i < 300; i++) s += new Uint8Array(1 << 20).length; console.log('hello')",
		"typescript": "const l: number[] = Array.from({ length: 500000 }, (_, i) => i); console.log('hello')",
		"kotlin":     "fun main() { println(\"hello\") }",
	} {
		if !known[language] {
			t.Run(language, func(t *testing.T) { t.Skip("its toolchain is not on this machine") })
			continue
		}
		var job struct {
			JobID  string
			Output *string
			Error  *string
			Memory int
		}
		if code, err := p.call("POST", "/api/v1/run", map[string]any{"language": language, "code": source}, &job); err != nil || code != 202 {
			t.Fatalf("%s: %d, %v", language, code, err)
		}
		p.await(job.JobID, &job)
		if text(job.Output) != "hello\n" {
			t.Errorf("%s: %q, %q, %d kB", language, text(job.Output), text(job.Error), job.Memory)
		}
		t.Logf("%s: %d kB", language, job.Memory)
		var given struct {
			Memory    int `json:"memory_limit"`
			Processes int `json:"max_processes_and_or_threads"`
		}
		if _, err := p.call("GET", "/submissions/"+job.JobID+"?fields=memory_limit,max_processes_and_or_threads", nil, &given); err != nil || given.Memory != 102400 || given.Processes != 64 {
			t.Errorf("%s: %+v, %v", language, given, err)
		}
	}
	for body, field := range map[string]map[string]any{
		"limits.wallTime": {"language": "bash", "code": "x", "limits": map[string]any{"wallTime": 181}},
		"limits.walltime": {"language": "bash", "code": "x", "limits": map[string]any{"walltime": 1}},
		"limits":          {"language": "bash", "code": "x", "limits": 5},
		"check":           {"language": "bash", "code": "x", "check": "perhaps"},
		"stdIn":           {"language": "bash", "code": "x", "stdIn": ""},
		"limits.memory":   {"language": "bash", "code": "x", "limits": map[string]any{"memory": 1}},
	} {
		var problem struct{ Errors map[string][]string }
		if code, err := p.call("POST", "/api/v1/run", field, &problem); err != nil || code != 422 || problem.Errors[body] == nil {
			t.Errorf("%s: %d, %v, %+v", body, code, err, problem)
		}
	}
}

// await reads a job's live stream to its end, and then the job.
func (p *process) await(id string, into any) {
	p.t.Helper()
	events, err := p.get("/api/v1/submissions/" + id + "/events")
	if err != nil || !strings.Contains(events, "event: result") {
		p.t.Fatal(fmt.Errorf("%w: %s", err, events))
	}
	if _, err := p.call("GET", "/api/v1/submissions/"+id, nil, into); err != nil {
		p.t.Fatal(err)
	}
}
