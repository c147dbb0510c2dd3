// Package runner takes one submission through the sandbox: it writes the files, compiles, runs as
// often as asked, compares the output, and puts Judge0's words to the outcome. It keeps no state
// between submissions.
package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/language"
	"github.com/sandgate/sandgate/judge0/sandbox"
)

// Options are what a runner works with.
type Options struct {
	Boxes     *sandbox.Sandbox
	Languages *language.Set // loaded already
	Config    api.Config
	// CPURate holds programs to a share of a core, such as 0.5; 0: to none. The sandbox must have
	// been opened for it.
	CPURate float64
}

// Runner runs submissions. It is safe for concurrent use.
type Runner struct{ Options }

// New makes a runner.
func New(options Options) *Runner { return &Runner{options} }

// A compiler writes larger files than a program may: an executable of Rust or Go is some megabytes.
const (
	compilerFiles  = 64 << 20
	compilerOutput = 1 << 20
)

// environment is what programs see, Judge0's own variables among it. Nothing of the worker's.
var environment = []string{
	"HOME=/tmp",
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8", "LANGUAGE=C.UTF-8", "LC_ALL=C.UTF-8",
	"JUDGE0_VERSION=" + api.Version,
	"JUDGE0_HOMEPAGE=https://judge0.com",
	"JUDGE0_SOURCE_CODE=https://github.com/judge0/judge0",
	"JUDGE0_MAINTAINER=Sandgate",
}

// Run takes s to its end and gives the result. Where the sandbox fails the status is Internal Error
// and the message says why; an error is given only when ctx has ended, and then nothing is known.
func (r *Runner) Run(ctx context.Context, s *api.Submission) (api.Result, error) {
	result, err := r.run(ctx, s)
	if ctx.Err() != nil {
		return api.Result{}, ctx.Err()
	}
	if err != nil {
		return api.Result{Status: api.InternalError, Message: api.TextOrNil(err.Error())}, nil
	}
	return result, nil
}

func (r *Runner) run(ctx context.Context, s *api.Submission) (api.Result, error) {
	lang, ok := r.Languages.Get(s.LanguageID)
	if !ok {
		return api.Result{}, fmt.Errorf("language with id %d is not installed on this worker", s.LanguageID)
	}
	box, err := r.Boxes.Box(ctx)
	if err != nil {
		return api.Result{}, err
	}
	defer box.Close()

	job := job{box: box, submission: s, config: r.Config, rate: r.CPURate, language: lang, env: append(environment[:len(environment):len(environment)], lang.Env...)}
	if fault, err := job.writeFiles(ctx); err != nil || fault != "" {
		return api.Result{Status: api.CompilationError, CompileOutput: api.TextOrNil(fault)}, err
	}
	compiled, ok, err := job.compile(ctx)
	if err != nil || !ok {
		return compiled, err
	}
	result, err := job.runs(ctx)
	result.CompileOutput = compiled.CompileOutput
	return result, err
}

// job is one submission in its box.
type job struct {
	box        *sandbox.Box
	submission *api.Submission
	config     api.Config
	rate       float64
	language   language.Language
	env        []string
}

// writeFiles puts source and additional files into the box. A fault is the client's.
func (j job) writeFiles(ctx context.Context) (fault string, err error) {
	s := j.submission
	if s.LanguageID != api.MultiFile && s.SourceCode != nil {
		mode := os.FileMode(0o644)
		if s.LanguageID == api.Executable {
			mode = 0o755
		}
		if err := j.box.Write(j.language.SourceFile, *s.SourceCode, mode); err != nil {
			return "", err
		}
	}
	if s.AdditionalFiles == nil || *s.AdditionalFiles == "" {
		return "", nil
	}
	size := int64(j.config.MaxExtractSize) << 10
	err = j.box.Unzip(ctx, *s.AdditionalFiles, size, sandbox.Limits{
		CPU: 10 * time.Second, Wall: 20 * time.Second, Memory: size + 128<<20, FileSize: size + 1, Processes: 32,
	})
	if errors.Is(err, sandbox.ErrBadArchive) {
		return "additional_files: " + err.Error() + "\n", nil
	}
	return "", err
}

// compile gives the compiler's output and whether there is something to run.
func (j job) compile(ctx context.Context) (api.Result, bool, error) {
	var command []string
	if j.submission.LanguageID == api.MultiFile {
		command = shell("for f in compile compile.sh; do if [ -f $f ]; then exec /bin/bash $f; fi; done")
	} else if j.language.CompileCmd != "" {
		command = split(strings.Replace(j.language.CompileCmd, "%s", sanitize(j.submission.CompilerOptions), 1))
	}
	if command == nil {
		return api.Result{}, true, nil
	}
	c := j.config
	out, err := j.box.Run(ctx, sandbox.Command{
		Args: command, Env: j.env, MergeStderr: true,
		Limits: sandbox.Limits{
			CPU: seconds(c.MaxCPUTimeLimit), CPUExtra: seconds(c.MaxCPUExtraTime), Wall: seconds(c.MaxWallTime),
			Memory: int64(c.MaxMemoryLimit) << 10, Stack: int64(c.MaxStackLimit) << 10,
			FileSize: max(compilerFiles, int64(c.MaxMaxFileSize)<<10), Processes: c.MaxMaxProcesses, CPURate: j.rate,
		},
	})
	if err != nil {
		return api.Result{}, false, err
	}
	text := out.Stdout
	if len(text) > compilerOutput {
		text = text[:compilerOutput]
	}
	switch {
	case out.TimedOut || out.WallTimedOut:
		return api.Result{Status: api.CompilationError, CompileOutput: api.TextOrNil("Compilation time limit exceeded.")}, false, nil
	case out.ExitCode != 0 || out.Signal != 0:
		if text == "" && out.OutOfMemory {
			text = "Compilation memory limit exceeded."
		}
		return api.Result{Status: api.CompilationError, CompileOutput: api.TextOrNil(text)}, false, nil
	}
	return api.Result{CompileOutput: api.TextOrNil(text)}, true, nil
}

// runs runs the program number_of_runs times, or until a run is not accepted. Times and memory are
// averages.
func (j job) runs(ctx context.Context) (api.Result, error) {
	s := j.submission
	command := shell("for f in run run.sh; do if [ -f $f ]; then exec /bin/bash $f; fi; done; exec /bin/bash run")
	if s.LanguageID != api.MultiFile {
		heap := strconv.Itoa(max(s.MemoryLimit*6/10/1024, 8))
		line := strings.Replace(j.language.RunCmd, "{heap}", heap, 1)
		if arguments := sanitize(s.CommandLineArguments); arguments != "" {
			line += " " + arguments
		}
		command = split(line)
	}
	c := j.config
	// Nothing runs without a bound: 0 is no limit of its own, and leaves the maximum of the engine.
	limits := sandbox.Limits{
		CPU: cmp.Or(seconds(s.CPUTimeLimit), seconds(c.MaxCPUTimeLimit)), CPUExtra: seconds(s.CPUExtraTime), Wall: cmp.Or(seconds(s.WallTimeLimit), seconds(c.MaxWallTime)),
		Memory: int64(cmp.Or(s.MemoryLimit, c.MaxMemoryLimit)) << 10, Stack: int64(cmp.Or(s.StackLimit, c.MaxStackLimit)) << 10,
		FileSize: int64(cmp.Or(s.MaxFileSize, c.MaxMaxFileSize)) << 10, Processes: max(s.MaxProcesses, 1), CPURate: j.rate,
	}
	// The limits of each process take the place of those of the group, which then has to keep to the
	// maximum of the engine only.
	if s.PerProcessTime {
		limits.EachCPU = limits.CPU
		limits.CPU, limits.CPUExtra = seconds(c.MaxCPUTimeLimit)*time.Duration(limits.Processes), 0
	}
	if s.PerProcessMemory {
		limits.EachMemory, limits.Memory = limits.Memory, int64(c.MaxMemoryLimit)<<10
	}
	stdin := ""
	if s.Stdin != nil {
		stdin = *s.Stdin
	}
	var result api.Result
	var cpu, wall time.Duration
	var memory int64
	count := max(s.NumberOfRuns, 1)
	for done := 1; done <= count; done++ {
		out, err := j.box.Run(ctx, sandbox.Command{Args: command, Env: j.env, Stdin: stdin, MergeStderr: s.RedirectStderr, Limits: limits})
		if err != nil {
			return api.Result{}, err
		}
		result = verdict(out, s)
		cpu, wall, memory = cpu+out.CPU, wall+out.Wall, memory+out.Memory
		result.Time, result.WallTime = milliseconds(cpu/time.Duration(done)), milliseconds(wall/time.Duration(done))
		kilobytes := int(memory / int64(done) >> 10)
		result.Memory = &kilobytes
		if result.Status != api.Accepted {
			break
		}
	}
	return result, nil
}

// verdict puts Judge0's status and words to an outcome.
func verdict(out sandbox.Outcome, s *api.Submission) api.Result {
	code := out.ExitCode
	result := api.Result{Stdout: api.TextOrNil(out.Stdout), Stderr: api.TextOrNil(out.Stderr), ExitCode: &code}
	fail := func(status int, message string) { result.Status, result.Message = status, &message }
	switch {
	case out.TimedOut:
		fail(api.TimeLimitExceeded, "Time limit exceeded")
		code = 0
	case out.WallTimedOut:
		fail(api.TimeLimitExceeded, "Time limit exceeded (wall clock)")
		code = 0
	case out.Signal != 0:
		fail(signalStatus(out.Signal), "Caught fatal signal "+strconv.Itoa(out.Signal))
		signal := out.Signal
		result.ExitSignal = &signal
	case s.LanguageID == api.Executable && code == 126 && strings.Contains(out.Stderr, "Exec format error"):
		fail(api.ExecFormatError, "Exec format error")
	case code != 0:
		fail(api.RuntimeErrorNZEC, "Exited with error status "+strconv.Itoa(code))
	case s.ExpectedOutput == nil || result.Stdout != nil && sameText(*s.ExpectedOutput, *result.Stdout):
		result.Status = api.Accepted
	default: // no output at all is no match even for an empty expectation
		result.Status = api.WrongAnswer
	}
	return result
}

func signalStatus(signal int) int {
	switch signal {
	case 6:
		return api.RuntimeErrorSIGABRT
	case 8:
		return api.RuntimeErrorSIGFPE
	case 11:
		return api.RuntimeErrorSIGSEGV
	case 25:
		return api.RuntimeErrorSIGXFSZ
	}
	return api.RuntimeErrorOther
}

// sameText compares without the white space at the end of lines and the empty lines at the end.
func sameText(a, b string) bool {
	for {
		lineA, restA, moreA := strings.Cut(a, "\n")
		lineB, restB, moreB := strings.Cut(b, "\n")
		if strings.TrimRight(lineA, whiteSpace) != strings.TrimRight(lineB, whiteSpace) {
			return false
		}
		if !moreA && !moreB {
			return true
		}
		a, b = restA, restB
	}
}

const whiteSpace = " \t\r\n\v\f\x00"

// sanitize takes the characters out that Judge0 takes out of options and arguments, and NUL, which
// no argument of a program can hold.
func sanitize(text *string) string {
	if text == nil {
		return ""
	}
	return strings.Map(func(c rune) rune {
		if strings.ContainsRune("$&;<>|`\x00", c) {
			return -1
		}
		return c
	}, *text)
}

func shell(script string) []string { return []string{"/bin/bash", "-c", script} }

// split makes the arguments of a command line. One without any of a shell's syntax is split at
// blanks, which saves the start of a shell; the rest is left to bash.
func split(line string) []string {
	if !strings.HasPrefix(line, "/") || strings.ContainsFunc(line, needsShell) {
		return shell(line)
	}
	return strings.Fields(line)
}

func needsShell(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(" -_./:=,+@%", c))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func milliseconds(d time.Duration) *float64 {
	s := math.Round(d.Seconds()*1000) / 1000
	return &s
}
