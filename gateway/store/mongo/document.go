package mongo

import (
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// MongoDB takes documents of 16 MiB. A submission's program may fill what its result leaves: outputs come
// later, and a result must always find room.
const (
	documentMost = 16 << 20
	resultRoom   = 4 << 20
	programMost  = documentMost - resultRoom
)

// text is what clients send and programs write, which need not be UTF-8. nil is left out, "" is kept.
type text = *[]byte

func textOf(s *string) text {
	if s == nil {
		return nil
	}
	b := []byte(*s)
	if b == nil {
		b = []byte{}
	}
	return &b
}

func stringOf(t text) *string {
	if t == nil {
		return nil
	}
	s := string(*t)
	return &s
}

// document is a submission with all that hangs on it.
type document struct {
	Token           string     `bson:"_id"`
	Seq             int64      `bson:"seq"` // grows with the intake of a gateway, near enough with that of all
	Account         string     `bson:"account"`
	Owner           string     `bson:"owner"`
	LanguageID      int        `bson:"language_id"`
	Settings        settings   `bson:"settings"`
	CreatedAt       time.Time  `bson:"created_at"`
	QueuedAt        *time.Time `bson:"queued_at,omitempty"`
	Outcome         outcome    `bson:",inline"`
	Delivery        *delivery  `bson:"delivery,omitempty"`
	Share           *share     `bson:"share,omitempty"`
	SourceCode      text       `bson:"source_code,omitempty"`
	Stdin           text       `bson:"stdin,omitempty"`
	ExpectedOutput  text       `bson:"expected_output,omitempty"`
	AdditionalFiles text       `bson:"additional_files,omitempty"`
}

// settings are the attributes that are only ever read together with the rest.
type settings struct {
	CompilerOptions      *string `bson:"compiler_options,omitempty"`
	CommandLineArguments *string `bson:"command_line_arguments,omitempty"`
	CallbackURL          *string `bson:"callback_url,omitempty"`
	CPUTimeLimit         float64 `bson:"cpu_time_limit"`
	CPUExtraTime         float64 `bson:"cpu_extra_time"`
	WallTimeLimit        float64 `bson:"wall_time_limit"`
	MemoryLimit          int     `bson:"memory_limit"`
	StackLimit           int     `bson:"stack_limit"`
	MaxProcesses         int     `bson:"max_processes"`
	MaxFileSize          int     `bson:"max_file_size"`
	NumberOfRuns         int     `bson:"number_of_runs"`
	PerProcessTime       bool    `bson:"per_process_time,omitempty"`
	PerProcessMemory     bool    `bson:"per_process_memory,omitempty"`
	RedirectStderr       bool    `bson:"redirect_stderr,omitempty"`
	EnableNetwork        bool    `bson:"enable_network,omitempty"`
	QueueHost            *string `bson:"queue_host,omitempty"`
}

// outcome is what changes while a submission is run.
type outcome struct {
	State         submission.State `bson:"state"`
	EngineToken   string           `bson:"engine_token,omitempty"`
	Status        int              `bson:"status"`
	StartedAt     *time.Time       `bson:"started_at,omitempty"`
	FinishedAt    *time.Time       `bson:"finished_at,omitempty"`
	UpdatedAt     *time.Time       `bson:"updated_at,omitempty"`
	ExitCode      *int             `bson:"exit_code,omitempty"`
	ExitSignal    *int             `bson:"exit_signal,omitempty"`
	Time          *float64         `bson:"time,omitempty"`
	WallTime      *float64         `bson:"wall_time,omitempty"`
	Memory        *int             `bson:"memory,omitempty"`
	ExecutionHost *string          `bson:"execution_host,omitempty"`
	Stdout        text             `bson:"stdout,omitempty"`
	Stderr        text             `bson:"stderr,omitempty"`
	CompileOutput text             `bson:"compile_output,omitempty"`
	Message       text             `bson:"message,omitempty"`
}

// outline leaves out the program, which may be large.
var outline = bson.D{{Key: "source_code", Value: 0}, {Key: "stdin", Value: 0}, {Key: "expected_output", Value: 0}, {Key: "additional_files", Value: 0}}

func projection(what submission.Part) any {
	if what == submission.Whole {
		return nil
	}
	return outline
}

func documentOf(s *submission.Submission, seq int64) document {
	return document{
		Token: s.Token, Seq: seq, Account: s.Account, Owner: s.Owner, LanguageID: s.LanguageID, CreatedAt: s.CreatedAt, QueuedAt: s.QueuedAt,
		Settings: settings{
			s.CompilerOptions, s.CommandLineArguments, s.CallbackURL, s.CPUTimeLimit, s.CPUExtraTime,
			s.WallTimeLimit, s.MemoryLimit, s.StackLimit, s.MaxProcesses, s.MaxFileSize, s.NumberOfRuns,
			s.PerProcessTime, s.PerProcessMemory, s.RedirectStderr, s.EnableNetwork, s.QueueHost,
		},
		Outcome:    outcomeOf(s),
		SourceCode: textOf(s.SourceCode), Stdin: textOf(s.Stdin), ExpectedOutput: textOf(s.ExpectedOutput), AdditionalFiles: textOf(s.AdditionalFiles),
	}
}

func outcomeOf(s *submission.Submission) outcome {
	return outcome{
		s.State, s.EngineToken, s.Status, s.StartedAt, s.FinishedAt, s.UpdatedAt, s.ExitCode, s.ExitSignal, s.Time, s.WallTime, s.Memory,
		s.ExecutionHost, textOf(s.Stdout), textOf(s.Stderr), textOf(s.CompileOutput), textOf(s.Message),
	}
}

func (d *document) submission() *submission.Submission {
	c, o := d.Settings, d.Outcome
	return &submission.Submission{
		Account: d.Account, Owner: d.Owner, State: o.State, EngineToken: o.EngineToken,
		Submission: api.Submission{
			Token: d.Token, LanguageID: d.LanguageID, CreatedAt: d.CreatedAt, QueuedAt: d.QueuedAt,
			SourceCode: stringOf(d.SourceCode), Stdin: stringOf(d.Stdin), ExpectedOutput: stringOf(d.ExpectedOutput), AdditionalFiles: stringOf(d.AdditionalFiles),
			CompilerOptions: c.CompilerOptions, CommandLineArguments: c.CommandLineArguments, CallbackURL: c.CallbackURL,
			CPUTimeLimit: c.CPUTimeLimit, CPUExtraTime: c.CPUExtraTime, WallTimeLimit: c.WallTimeLimit, MemoryLimit: c.MemoryLimit, StackLimit: c.StackLimit,
			MaxProcesses: c.MaxProcesses, MaxFileSize: c.MaxFileSize, NumberOfRuns: c.NumberOfRuns, PerProcessTime: c.PerProcessTime, PerProcessMemory: c.PerProcessMemory,
			RedirectStderr: c.RedirectStderr, EnableNetwork: c.EnableNetwork, QueueHost: c.QueueHost,
			StartedAt: o.StartedAt, FinishedAt: o.FinishedAt, UpdatedAt: o.UpdatedAt, ExecutionHost: o.ExecutionHost,
			Result: api.Result{
				Status: o.Status, ExitCode: o.ExitCode, ExitSignal: o.ExitSignal, Time: o.Time, WallTime: o.WallTime, Memory: o.Memory,
				Stdout: stringOf(o.Stdout), Stderr: stringOf(o.Stderr), CompileOutput: stringOf(o.CompileOutput), Message: stringOf(o.Message),
			},
		},
	}
}

// encode makes the documents of new submissions, in the order of intake.
func (s *Store) encode(subs []*submission.Submission) ([]bson.Raw, error) {
	raws := make([]bson.Raw, len(subs))
	for i, sub := range subs {
		if sub.Size() > programMost {
			return nil, errTooLarge
		}
		raw, err := bson.Marshal(documentOf(sub, s.number(sub.CreatedAt)))
		if err != nil {
			return nil, fmt.Errorf("write %s as a document: %w", sub.Token, err)
		}
		if len(raw) > programMost {
			return nil, errTooLarge
		}
		raws[i] = raw
	}
	return raws, nil
}

var errTooLarge = submission.Errorf(submission.TooLarge, "the submission is too large to be stored: its texts and files may have %d MiB in all", programMost>>20)

// number gives the next number of a submission: the time of its intake in microseconds, or one more than
// the last.
func (s *Store) number(at time.Time) int64 {
	for {
		last := s.last.Load()
		next := max(last+1, at.UnixMicro())
		if s.last.CompareAndSwap(last, next) {
			return next
		}
	}
}

// shortened gives an outcome whose texts find room in a document that is nearly full of its program: the
// longest are cut, and the message says so.
func (o outcome) shortened() outcome {
	const note = "The output was too long to be kept as a whole."
	o.Message = textOf(ptr(note))
	texts := []*text{&o.Stdout, &o.Stderr, &o.CompileOutput}
	for _, t := range texts {
		if most := (resultRoom - 64<<10) / len(texts); *t != nil && len(**t) > most {
			cut := (**t)[:most]
			*t = &cut
		}
	}
	return o
}

func ptr[T any](v T) *T { return &v }
