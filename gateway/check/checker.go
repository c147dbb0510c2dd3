package check

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// The limits of a check in the sandbox, where the pool does not have lower ones, and of how many run.
const (
	cpuLimit    = 10.0 // seconds
	wallLimit   = 15.0
	waitMost    = 40 * time.Second // for a place in the pool, and the check itself
	atOnce      = 16
	atOnceEach  = 4 // of one account
	retryAfter  = 2 * time.Second
	archiveMost = 16 << 20
)

// Pool is what a Checker needs of the engines.
type Pool interface {
	Create(ctx context.Context, batch []submission.Handover) ([]submission.Receipt, error)
	Results(ctx context.Context, engineTokens []string) ([]*api.Answer, error)
}

// Options are the parts of a Checker.
type Options struct {
	Pool      Pool
	Catalogue submission.Catalogue
	NewToken  func() string
	Now       func() time.Time
	Quotas    Quotas
	Observe   func(outcome string) // clean, warnings, errors, or failed: there is no outcome
}

// Quotas count a check as a submission of the account's day, and the time that it took.
type Quotas interface {
	Admit(ctx context.Context, account string, n int) (giveBack func(), err error)
	Ended(sub *submission.Submission)
}

// Uncounted are Quotas that bound nothing.
type Uncounted struct{}

// Admit admits everything.
func (Uncounted) Admit(context.Context, string, int) (func(), error) { return func() {}, nil }

// Ended counts nothing.
func (Uncounted) Ended(*submission.Submission) {}

// Checker runs the checkers of languages in the sandbox: as programs of several files (language 89)
// of the pool, so that any Judge0 will do. They are no submissions of the gateway's: they are not
// stored, and whoever asked waits for them.
type Checker struct {
	Options
	places chan struct{}

	mu      sync.Mutex
	running map[string]int // by account
}

// NewChecker makes a Checker.
func NewChecker(options Options) *Checker {
	return &Checker{Options: options, places: make(chan struct{}, atOnce), running: map[string]int{}}
}

// Result is what a language's checker says. Tool is "" where the language has none.
type Result struct {
	Tool        string
	Diagnostics []diagnose.Diagnostic
}

var errBusy = &submission.Error{Code: submission.Unavailable, Message: "too many checks run now", RetryAfter: retryAfter}

// Check runs the checker of a program's language. The program was validated before.
func (c *Checker) Check(ctx context.Context, account string, program *api.Submission) (Result, error) {
	pool, err := c.Catalogue.Pool()
	if err != nil {
		return Result{}, err
	}
	language, _ := pool.Languages.Get(program.LanguageID)
	recipe, ok := recipeOf(language, text(program.CompilerOptions))
	if _, multi := pool.Languages.Get(api.MultiFile); !ok || !multi || !pool.Config.EnableAdditionalFiles {
		return Result{}, nil
	}
	leave, err := c.enter(account)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	archive, err := recipe.archive(language.SourceFile, program)
	if err != nil {
		return Result{}, err
	}
	giveBack, err := c.Quotas.Admit(ctx, account, 1)
	if err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, waitMost)
	defer cancel()
	order := order(c.NewToken(), archive, pool.Config)
	order.Account, order.CreatedAt = account, c.Now()
	answer, err := c.run(ctx, order)
	if err != nil {
		giveBack()
		c.Observe("failed")
		return Result{}, err
	}
	c.Quotas.Ended(order.Ended(*answer, c.Now()))
	result := Result{recipe.tool, recipe.diagnostics(language.SourceFile, answer)}
	c.Observe(result.outcome())
	return result, nil
}

// outcome says in a word what was found.
func (r Result) outcome() string {
	outcome := "clean"
	for _, d := range r.Diagnostics {
		if d.Severity == diagnose.Error {
			return "errors"
		}
		outcome = "warnings"
	}
	return outcome
}

// enter takes a place among the checks that run.
func (c *Checker) enter(account string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running[account] >= atOnceEach {
		return nil, errBusy
	}
	select {
	case c.places <- struct{}{}:
	default:
		return nil, errBusy
	}
	c.running[account]++
	return func() {
		<-c.places
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.running[account]--; c.running[account] == 0 {
			delete(c.running, account)
		}
	}, nil
}

// run takes an order to the pool and waits for its end.
func (c *Checker) run(ctx context.Context, order submission.Handover) (*api.Answer, error) {
	receipts, err := c.Pool.Create(ctx, []submission.Handover{order})
	if err != nil {
		return nil, unavailable(err)
	}
	if receipts[0].Refused != "" {
		return nil, fmt.Errorf("the check was refused: %s", receipts[0].Refused)
	}
	for pause := 15 * time.Millisecond; ; pause = min(pause*3/2, 400*time.Millisecond) {
		wait := time.NewTimer(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, unavailable(ctx.Err())
		}
		answers, err := c.Pool.Results(ctx, []string{receipts[0].EngineToken})
		switch {
		case err != nil && ctx.Err() != nil:
			return nil, unavailable(err)
		case err != nil:
			continue // until the time is over
		case answers[0] == nil:
			return nil, unavailable(errors.New("the pool has lost the check"))
		case api.Finished(answers[0].Status):
			return answers[0], nil
		}
	}
}

func unavailable(err error) error {
	return &submission.Error{Code: submission.Unavailable, Message: "the program can't be checked now", RetryAfter: retryAfter, Err: err}
}

// order makes the submission of a check.
func order(token, archive string, config api.Config) submission.Handover {
	s := &submission.Submission{Submission: api.Submission{
		Token: token, LanguageID: api.MultiFile, AdditionalFiles: &archive,
		CPUTimeLimit: min(cpuLimit, config.MaxCPUTimeLimit), WallTimeLimit: min(wallLimit, config.MaxWallTime),
		MemoryLimit: config.MaxMemoryLimit, StackLimit: config.StackLimit, MaxProcesses: config.MaxMaxProcesses,
		MaxFileSize: config.MaxMaxFileSize, NumberOfRuns: 1,
	}}
	return submission.Handover{Submission: s}
}

//go:embed python.py
var pythonChecker string

// recipe tells how a program of a language is checked.
type recipe struct {
	tool     string            // for people
	script   string            // of bash, in the folder of the program
	files    map[string]string // more that it needs
	compiler string            // the language whose compiler's output it prints; "": see program
	program  string            // the language whose programs' output it prints
	severity diagnose.Severity // of what a tool tells without saying how bad it is
}

//go:embed vet.sh
var vetScript string

// The names of checkers of our own among a program's files.
const (
	pythonFile = "sandgate_check.py"
	vetFile    = "sandgate_vet.bash"
)

var (
	goBuild    = regexp.MustCompile(`(\S*/go) build .*$`)
	goCacheEnv = "export GOCACHE=/tmp/gocache GOPATH=/tmp/gopath GOTOOLCHAIN=local GOTELEMETRY=off GOPROXY=off GOFLAGS=-p=4 CGO_ENABLED=0"
)

// recipeOf makes the recipe of a language from the commands that the pool tells.
func recipeOf(language api.Language, options string) (recipe, bool) {
	options = sanitize(options)
	// with gives the command that compiles, with other options.
	with := func(more string) (string, bool) {
		return strings.Replace(language.CompileCmd, "%s", strings.TrimSpace(more+" "+options), 1), strings.Contains(language.CompileCmd, "%s")
	}
	// interpreter is the program that runs the source.
	interpreter, _, _ := strings.Cut(language.RunCmd, " ")
	key, source := submission.KeyOf(language), language.SourceFile
	r := recipe{}
	ok := source != "" && !strings.ContainsAny(source, "/ '$`\"")
	switch key {
	case "c", "cpp":
		r.script, ok = with("-fsyntax-only -Wall -Wextra")
		r.tool, r.compiler = "-fsyntax-only -Wall -Wextra", key
	case "java":
		r.script, ok = with("-Xlint -proc:none -d /tmp")
		r.tool, r.compiler = "-Xlint", key
	case "rust":
		r.script, ok = with("--emit=metadata -o /tmp/checked")
		r.tool, r.compiler = "--emit=metadata", key
	case "typescript":
		r.script, ok = with("--noEmit")
		r.tool, r.compiler = "--noEmit", key
	case "go":
		r.script = goCacheEnv + "\n" + goBuild.ReplaceAllString(language.CompileCmd, "/bin/bash "+vetFile+" $1 "+source)
		ok = ok && goBuild.MatchString(language.CompileCmd)
		r.files = map[string]string{vetFile: vetScript}
		r.tool, r.compiler, r.severity = "vet", key, diagnose.Warning
	case "python", "python-for-ml":
		ok = ok && strings.HasPrefix(interpreter, "/")
		isolated := "-I"
		if strings.HasPrefix(language.Name, "Python (2") {
			isolated = "-E"
		}
		r.script = interpreter + " " + isolated + " " + pythonFile + " " + source
		r.files = map[string]string{pythonFile: pythonChecker}
		r.tool, r.compiler = "py_compile", "c" // the form of its output
	case "javascript":
		ok = ok && strings.HasPrefix(interpreter, "/")
		r.script = interpreter + " --check " + source
		r.tool, r.program = "--check", key
	default:
		return r, false
	}
	r.tool = toolName(key, language.CompileCmd, interpreter) + " " + r.tool
	return r, ok
}

// toolName gives the name of the program that checks, such as "gcc".
func toolName(key, compile, interpreter string) string {
	for _, word := range strings.Fields(compile) {
		name := path.Base(word)
		for _, known := range []string{"gcc", "g++", "clang", "clang++", "javac", "rustc", "tsc", "go"} {
			if name == known {
				return name
			}
		}
	}
	if interpreter != "" && key != "go" {
		return path.Base(interpreter)
	}
	return key
}

// sanitize takes out of the options what Judge0 takes out of them.
func sanitize(options string) string {
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("$&;<>|`\n\r\x00", c) {
			return -1
		}
		return c
	}, options)
}

var errArchive = submission.Errorf(submission.Invalid, "the additional files can't be read")

// overlap tells whether the entries of an archive hold more than the archive does: a small one may list the same
// bytes a hundred thousand times, and each copy would have to be kept.
func overlap(entries []*zip.File, size int) bool {
	left := uint64(size)
	for _, entry := range entries {
		if entry.CompressedSize64 > left {
			return true
		}
		left -= entry.CompressedSize64
	}
	return false
}

// archive makes the files of the check: the program's own, and the script.
func (r recipe) archive(source string, program *api.Submission) (string, error) {
	var buffer bytes.Buffer
	w := zip.NewWriter(&buffer)
	own := map[string]string{"compile": "exit 0\n", "run": "exec 2>&1\n" + r.script + "\n", source: text(program.SourceCode)}
	for name, content := range r.files {
		own[name] = content
	}
	for name, content := range own {
		entry, err := w.Create(name)
		if err == nil {
			_, err = entry.Write([]byte(content))
		}
		if err != nil {
			return "", fmt.Errorf("write the files of a check: %w", err)
		}
	}
	// What can't be read here, the engine refuses in its own words when the program is run.
	if given := text(program.AdditionalFiles); given != "" && len(given) <= archiveMost {
		if files, err := zip.NewReader(strings.NewReader(given), int64(len(given))); err == nil {
			if overlap(files.File, len(given)) {
				return "", errArchive
			}
			for _, file := range files.File {
				name := strings.TrimSuffix(path.Clean(file.Name), ".sh")
				if _, taken := own[name]; taken {
					continue
				}
				if err := w.Copy(file); err != nil {
					return "", errArchive
				}
			}
		}
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("write the files of a check: %w", err)
	}
	return buffer.String(), nil
}

// diagnostics reads the outcome. A checker that fails without naming a place is told at the first line.
func (r recipe) diagnostics(source string, answer *api.Answer) []diagnose.Diagnostic {
	said := text(answer.Stdout)
	var found []diagnose.Diagnostic
	if r.compiler != "" {
		found = diagnose.Compiler(r.compiler, said)
	} else {
		found = diagnose.Program(r.program, said)
	}
	failed := answer.Status != api.Accepted
	worst := diagnose.Note
	for i := range found {
		if r.severity != "" && !strings.Contains(said, "\nvet: ") && !strings.HasPrefix(said, "vet: ") {
			found[i].Severity = r.severity
		}
		if found[i].Severity != diagnose.Note {
			worst = found[i].Severity
		}
	}
	if !failed || len(found) > 0 && (worst == diagnose.Error || r.severity != "") {
		return found
	}
	first := strings.TrimSpace(said)
	if answer.Status == api.TimeLimitExceeded {
		first = "the check did not end within its limits"
	} else if line, _, more := strings.Cut(first, "\n"); more {
		first = line
	}
	if first == "" {
		first = "the check failed: " + api.StatusOf(answer.Status).Description
	}
	return append(found, diagnose.Diagnostic{File: source, Line: 1, Severity: diagnose.Error, Message: strings.ToValidUTF8(first[:min(len(first), maxMessage)], "\uFFFD")})
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// filesOf gives the parts of a program that a policy looks at: its source, and what of its archive has the
// extension of the language; of a program of several files, each with a language known by extension. reads tells
// the languages that the policy has something about. If that is more than is checked, cut names the file at which
// it ends. Archives that can't be read hold nothing: the engine refuses them.
func filesOf(language api.Language, program *api.Submission, reads func(key string) bool) (files map[string][]File, cut string) {
	key := submission.KeyOf(language)
	files = map[string][]File{}
	if source := text(program.SourceCode); source != "" {
		files[key] = append(files[key], File{"", source})
	}
	given := text(program.AdditionalFiles)
	archive, err := zip.NewReader(strings.NewReader(given), int64(len(given)))
	if given == "" || err != nil {
		return files, ""
	}
	left := int64(MaxSource) + 1
	tooMuch := overlap(archive.File, len(given))
	for _, entry := range archive.File {
		// The engine cleans names before it writes files.
		name := path.Clean(entry.Name)
		of := extensions[path.Ext(name)]
		if language.SourceFile != "" && path.Ext(name) == path.Ext(language.SourceFile) || of == "c" && key == "cpp" {
			of = key
		}
		if of == "" || entry.FileInfo().IsDir() || !reads(of) {
			continue
		}
		if tooMuch {
			return files, name
		}
		content, err := entry.Open()
		if err != nil {
			continue
		}
		part := make([]byte, min(left, int64(min(entry.UncompressedSize64, MaxSource+1))))
		n, _ := io.ReadFull(content, part)
		_ = content.Close()
		files[of] = append(files[of], File{entry.Name, string(part[:n])})
		if left -= int64(n); left <= 0 {
			return files, name
		}
	}
	return files, ""
}

// extensions of the files of programs, with the keys of their languages.
var extensions = map[string]string{
	".c": "c", ".h": "c", ".cpp": "cpp", ".cc": "cpp", ".cxx": "cpp", ".hpp": "cpp", ".hh": "cpp", ".java": "java", ".py": "python",
	".go": "go", ".rs": "rust", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript", ".ts": "typescript", ".mts": "typescript", ".cts": "typescript",
}
