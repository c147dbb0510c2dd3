package check

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// pool is a pool of engines with one answer, and its own catalogue.
type pool struct {
	mu      sync.Mutex
	orders  []submission.Handover
	create  error
	refused string
	answer  *api.Answer // nil: it has lost the check
	hold    chan struct{}
	asked   chan struct{}
}

var gcc = api.Language{ID: 50, Name: "C (GCC 12.2.0)", SourceFile: "main.c", CompileCmd: "/usr/bin/gcc %s main.c -lm", RunCmd: "./a.out"}

func (p *pool) Pool() (submission.Pool, error) {
	return submission.Pool{Config: api.DefaultConfig(), Languages: api.NewLanguages([]api.Language{gcc, {ID: 89, Name: "Multi-file program"}, {ID: 43, Name: "Plain Text", RunCmd: "cat"}})}, nil
}

func (p *pool) Create(_ context.Context, batch []submission.Handover) ([]submission.Receipt, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.orders = append(p.orders, batch...)
	return []submission.Receipt{{EngineToken: "t", Refused: p.refused}}, p.create
}

func (p *pool) Results(ctx context.Context, _ []string) ([]*api.Answer, error) {
	if p.hold != nil {
		p.asked <- struct{}{}
		select {
		case <-p.hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return []*api.Answer{p.answer}, nil
}

// quotas count what is admitted and given back.
type quotas struct {
	mu              sync.Mutex
	admitted, ended int
	full            error
}

func (q *quotas) Admit(context.Context, string, int) (func(), error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full != nil {
		return nil, q.full
	}
	q.admitted++
	return func() { q.mu.Lock(); q.admitted--; q.mu.Unlock() }, nil
}

func (q *quotas) Ended(sub *submission.Submission) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if sub.Account == "a" {
		q.ended++
	}
}

func checker(p *pool, q Quotas) *Checker {
	return NewChecker(Options{Pool: p, Catalogue: p, NewToken: func() string { return "token" }, Now: time.Now, Quotas: q, Observe: func(string) {}})
}

func program(source string) *api.Submission {
	return &api.Submission{LanguageID: 50, SourceCode: &source}
}

func answered(status int, stdout string) *api.Answer {
	return &api.Answer{Result: api.Result{Status: status, Stdout: &stdout}}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	p, q := &pool{answer: answered(api.RuntimeErrorNZEC, "main.c:3:2: error: x\n")}, &quotas{}
	result, err := checker(p, q).Check(t.Context(), "a", program("int x;"))
	if err != nil || result.Tool != "gcc -fsyntax-only -Wall -Wextra" || len(result.Diagnostics) != 1 || result.Diagnostics[0].Line != 3 {
		t.Errorf("%+v, %v", result, err)
	}
	if q.admitted != 1 || q.ended != 1 {
		t.Errorf("counted: %+v", q)
	}
	order := p.orders[0]
	if order.LanguageID != api.MultiFile || order.CPUTimeLimit != cpuLimit || order.EnableNetwork || order.CallbackURL != "" {
		t.Errorf("ordered %+v", order)
	}
	archive, err := zip.NewReader(strings.NewReader(*order.AdditionalFiles), int64(len(*order.AdditionalFiles)))
	if err != nil || len(archive.File) != 3 {
		t.Fatal(archive, err)
	}
	if result, err := checker(p, q).Check(t.Context(), "a", &api.Submission{LanguageID: 43}); err != nil || result.Tool != "" {
		t.Errorf("a text was checked: %+v, %v", result, err)
	}
}

// One file that an archive lists thousands of times is not copied as often.
func TestCheckOfAnArchiveThatOverlaps(t *testing.T) {
	t.Parallel()
	p, given := &pool{answer: answered(api.Accepted, "")}, string(overlapping(packed(t, zip.Store, "a.h", strings.Repeat("x", 100_000)), 10_000))
	with := program("int x;")
	with.AdditionalFiles = &given
	var fault *submission.Error
	if _, err := checker(p, Uncounted{}).Check(t.Context(), "a", with); !errors.As(err, &fault) || fault.Code != submission.Invalid || len(p.orders) != 0 {
		t.Errorf("got %v, %d orders", err, len(p.orders))
	}
}

func TestCheckOfNoPlace(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer *api.Answer
		want   string
	}{
		"the linker":  {answered(api.RuntimeErrorNZEC, "cc1: fatal\nmore"), "cc1: fatal"},
		"too long":    {answered(api.TimeLimitExceeded, ""), "the check did not end within its limits"},
		"killed":      {answered(api.RuntimeErrorOther, ""), "the check failed: Runtime Error (Other)"},
		"only a note": {answered(api.RuntimeErrorNZEC, "main.c:1:1: note: look\n"), "main.c:1:1: note: look"},
	} {
		result, err := checker(&pool{answer: tc.answer}, Uncounted{}).Check(t.Context(), "a", program("x"))
		if err != nil {
			t.Fatal(err)
		}
		if last := result.Diagnostics[len(result.Diagnostics)-1]; last.Severity != diagnose.Error || last.Message != tc.want || last.Line != 1 {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

func TestCheckThatCantBeMade(t *testing.T) {
	t.Parallel()
	full := &submission.Error{Code: submission.Forbidden, Message: "the quota"}
	for name, tc := range map[string]struct {
		pool *pool
		full error
		code submission.Code
	}{
		"the pool is away":  {&pool{create: submission.ErrPoolDown}, nil, submission.Unavailable},
		"it lost the check": {&pool{}, nil, submission.Unavailable},
		"the quota":         {&pool{}, full, submission.Forbidden},
	} {
		q := &quotas{full: tc.full}
		_, err := checker(tc.pool, q).Check(t.Context(), "a", program("x"))
		var fault *submission.Error
		if !errors.As(err, &fault) || fault.Code != tc.code || q.admitted != 0 {
			t.Errorf("%s: %v, %+v", name, err, q)
		}
	}
}

func TestChecksAtOnce(t *testing.T) {
	t.Parallel()
	p := &pool{answer: answered(api.Accepted, ""), hold: make(chan struct{}), asked: make(chan struct{}, atOnceEach)}
	c := checker(p, Uncounted{})
	var wg sync.WaitGroup
	for range atOnceEach {
		wg.Go(func() {
			if _, err := c.Check(context.Background(), "a", program("x")); err != nil {
				t.Error(err)
			}
		})
		<-p.asked
	}
	var fault *submission.Error
	if _, err := c.Check(t.Context(), "a", program("x")); !errors.As(err, &fault) || fault.RetryAfter == 0 {
		t.Errorf("one too many: %v", err)
	}
	close(p.hold)
	wg.Wait()
	if len(c.running) != 0 || len(c.places) != 0 {
		t.Errorf("places are still taken: %v, %d", c.running, len(c.places))
	}
}

// The commands that stock Judge0 and our engine tell of their languages become commands that check.
func TestRecipes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		language api.Language
		options  string
		want     string // the end of the script; "": no checker
	}{
		{gcc, "-O2 ; rm -rf `x` $y", "/usr/bin/gcc -fsyntax-only -Wall -Wextra -O2  rm -rf x y main.c -lm"},
		{api.Language{Name: "C++ (GCC 9.2.0)", SourceFile: "main.cpp", CompileCmd: "/usr/local/gcc-9.2.0/bin/g++ %s main.cpp", RunCmd: "LD_LIBRARY_PATH=/usr/local/gcc-9.2.0/lib64 ./a.out"}, "", "/usr/local/gcc-9.2.0/bin/g++ -fsyntax-only -Wall -Wextra main.cpp"},
		{api.Language{Name: "Java (OpenJDK 13.0.1)", SourceFile: "Main.java", CompileCmd: "/usr/local/openjdk13/bin/javac %s Main.java"}, "", "/usr/local/openjdk13/bin/javac -Xlint -proc:none -d /tmp Main.java"},
		{api.Language{Name: "Go (1.13.5)", SourceFile: "main.go", CompileCmd: "GOCACHE=/tmp/.cache/go-build /usr/local/go-1.13.5/bin/go build %s main.go"}, "", "GOCACHE=/tmp/.cache/go-build /bin/bash sandgate_vet.bash /usr/local/go-1.13.5/bin/go main.go"},
		{api.Language{Name: "Python (3.8.1)", SourceFile: "script.py", RunCmd: "/usr/local/python-3.8.1/bin/python3 script.py"}, "", "/usr/local/python-3.8.1/bin/python3 -I sandgate_check.py script.py"},
		{api.Language{Name: "Python (2.7.17)", SourceFile: "script.py", RunCmd: "/usr/local/python-2.7.17/bin/python2 script.py"}, "", "/usr/local/python-2.7.17/bin/python2 -E sandgate_check.py script.py"},
		{api.Language{Name: "JavaScript (Node.js 12.14.0)", SourceFile: "script.js", RunCmd: "/usr/local/node-12.14.0/bin/node script.js"}, "", "/usr/local/node-12.14.0/bin/node --check script.js"},
		{api.Language{Name: "TypeScript (3.7.4)", SourceFile: "script.ts", CompileCmd: "/usr/bin/tsc %s script.ts", RunCmd: "/usr/local/node-12.14.0/bin/node script.js"}, "", "/usr/bin/tsc --noEmit script.ts"},
		{api.Language{Name: "Rust (1.40.0)", SourceFile: "main.rs", CompileCmd: "/usr/local/rust-1.40.0/bin/rustc %s main.rs"}, "", "/usr/local/rust-1.40.0/bin/rustc --emit=metadata -o /tmp/checked main.rs"},
		{api.Language{Name: "Haskell (GHC 8.8.1)", SourceFile: "main.hs", CompileCmd: "ghc %s main.hs"}, "", ""},
		{api.Language{Name: "C (GCC 9.2.0)", SourceFile: "main.c"}, "", ""},
		{api.Language{Name: "Multi-file program"}, "", ""},
	} {
		got, ok := recipeOf(tc.language, tc.options)
		if ok != (tc.want != "") || !strings.HasSuffix(got.script, tc.want) {
			t.Errorf("%s: %t, %q", tc.language.Name, ok, got.script)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()
	stored, loads, now := map[string]string{"a": `{"mode":"enforce","languages":{"c":{"imports":[{"name":"stdlib.h"}]}}}`}, 0, time.Unix(1, 0)
	p := NewPolicies(func(_ context.Context, account string) (string, error) {
		loads++
		return stored[account], nil
	}, func() time.Time { return now })
	source := "#include <stdlib.h>\n"
	for account, refused := range map[string]bool{"a": true, "a/user": true, "b": false, "b/a": false} {
		for range 2 {
			faults, err := p.Review(t.Context(), account, program(source), gcc)
			if err != nil || (faults != nil) != refused || refused && faults["source_code"][0] != "line 1: the import of stdlib.h is not allowed" {
				t.Errorf("%s: %v, %v", account, faults, err)
			}
		}
	}
	if loads != 6 {
		t.Errorf("%d loads", loads)
	}
	stored["a"] = ""
	now = now.Add(policyFor)
	if faults, err := p.Review(t.Context(), "a/user", program(source), gcc); err != nil || faults != nil {
		t.Errorf("a policy that is gone: %v, %v", faults, err)
	}

	// A file of the archive is looked at, by the language of its name.
	stored["a"] = `{"mode":"enforce","languages":{"c":{"imports":[{"name":"stdlib.h"}]}}}`
	p.Forget("a")
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, text := range map[string]string{"src/x.h": "\n" + source, "notes.txt": source} {
		if f, err := w.Create(name); err != nil {
			t.Fatal(err)
		} else if _, err := f.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	files := archive.String()
	faults, err := p.Review(t.Context(), "a", &api.Submission{LanguageID: 89, AdditionalFiles: &files}, api.Language{ID: 89, Name: "Multi-file program"})
	if err != nil || len(faults["additional_files"]) != 1 || !strings.HasPrefix(faults["additional_files"][0], "src/x.h, line 2: ") {
		t.Errorf("%v, %v", faults, err)
	}
}
