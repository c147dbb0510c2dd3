package api

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Submission is one program to compile and run, its limits, and its result, with every attribute
// of Judge0's. Times are in seconds, sizes in kilobytes. AdditionalFiles holds the zip itself, not
// its Base64.
type Submission struct {
	Token string

	SourceCode           *string
	LanguageID           int
	CompilerOptions      *string
	CommandLineArguments *string
	Stdin                *string
	ExpectedOutput       *string
	AdditionalFiles      *string
	CallbackURL          *string

	CPUTimeLimit     float64
	CPUExtraTime     float64
	WallTimeLimit    float64
	MemoryLimit      int
	StackLimit       int
	MaxProcesses     int
	MaxFileSize      int
	NumberOfRuns     int
	PerProcessTime   bool
	PerProcessMemory bool
	RedirectStderr   bool
	EnableNetwork    bool

	Result

	CreatedAt     time.Time
	QueuedAt      *time.Time
	StartedAt     *time.Time
	FinishedAt    *time.Time
	UpdatedAt     *time.Time
	QueueHost     *string
	ExecutionHost *string
}

// Result is what running a submission yields. Status is InQueue or Processing until it has ended.
// ExitCode is nil where nothing ran, and 0 for a program ended by ExitSignal.
type Result struct {
	Status        int
	Stdout        *string
	Stderr        *string
	CompileOutput *string
	Message       *string
	ExitCode      *int
	ExitSignal    *int
	Time          *float64 // CPU seconds, user and system, of all processes
	WallTime      *float64 // seconds
	Memory        *int     // kilobytes, the most that the group held
}

// TextOrNil gives nil for the empty string: Judge0 answers null for output that is not there.
func TextOrNil(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// ErrNotUTF8 is the answer to a client that asks in plain text for what is no text.
var ErrNotUTF8 = errors.New("some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter")

// ErrSomeNotUTF8 is the same of one submission among several.
var ErrSomeNotUTF8 = errors.New("some attributes for one or more submissions cannot be converted to UTF-8, use base64_encoded=true query parameter")

// OfSeveral gives the error of rendering a submission as that of a list.
func OfSeveral(err error) error {
	if errors.Is(err, ErrNotUTF8) {
		return ErrSomeNotUTF8
	}
	return err
}

// Fields are the attributes that an answer shows.
type Fields []string

var (
	defaultFields = Fields{"token", "time", "memory", "stdout", "stderr", "compile_output", "message", "status"}
	allFields     = Fields{
		"token", "source_code", "language_id", "compiler_options", "command_line_arguments", "stdin",
		"expected_output", "additional_files", "callback_url", "cpu_time_limit", "cpu_extra_time",
		"wall_time_limit", "memory_limit", "stack_limit", "max_processes_and_or_threads",
		"max_file_size", "number_of_runs", "enable_per_process_and_thread_time_limit",
		"enable_per_process_and_thread_memory_limit", "redirect_stderr_to_stdout", "enable_network",
		"status_id", "stdout", "stderr", "compile_output", "message", "exit_code", "exit_signal", "time",
		"wall_time", "memory", "created_at", "queued_at", "started_at", "finished_at", "updated_at",
		"queue_host", "execution_host", "status", "language",
	}
)

// DefaultFields are shown where a client names none, and in callbacks.
func DefaultFields() Fields { return defaultFields }

// InvalidFields is the error of ParseFields; it names what is unknown, in the order given.
type InvalidFields []string

func (f InvalidFields) Error() string { return "invalid fields: [" + strings.Join(f, ", ") + "]" }

// ParseFields reads the query parameter `fields`: names between commas, or `*` for all of them.
// What names nothing gives DefaultFields.
func ParseFields(text string) (Fields, error) {
	var fields Fields
	var unknown InvalidFields
	all := false
	for _, name := range strings.Split(text, ",") {
		switch {
		case name == "":
		case name == "*":
			all = true
		case !slices.Contains(allFields, name):
			unknown = append(unknown, name)
		default:
			fields = append(fields, name)
		}
	}
	switch {
	case unknown != nil:
		return nil, unknown
	case all:
		return allFields, nil
	case fields == nil:
		return defaultFields, nil
	}
	return fields, nil
}

// Program tells whether any of the fields is a text that a client sent, and not of the result: such
// texts may be large, and most answers leave them out.
func (f Fields) Program() bool {
	return slices.ContainsFunc(f, func(name string) bool {
		return name == "source_code" || name == "stdin" || name == "expected_output" || name == "additional_files"
	})
}

// Render makes the JSON answer that shows fields of s. language is the entry of s.LanguageID.
// Without base64, texts that are no UTF-8 give ErrNotUTF8.
func (s *Submission) Render(fields Fields, base64 bool, language Language) (json.RawMessage, error) {
	values := make(map[string]any, len(fields))
	for _, name := range fields {
		value := s.field(name, language)
		if text, ok := value.(encodable); ok {
			switch {
			case text.s == nil:
				value = nil
			case base64:
				value = EncodeBase64(*text.s)
			case !utf8.ValidString(*text.s):
				return nil, ErrNotUTF8
			default:
				value = *text.s
			}
		}
		values[name] = value
	}
	return json.Marshal(values)
}

// encodable is a text that goes out in Base64 where a client asks for it.
type encodable struct{ s *string }

func (s *Submission) field(name string, language Language) any {
	switch name {
	case "token":
		return s.Token
	case "source_code":
		return encodable{s.SourceCode}
	case "language_id":
		return s.LanguageID
	case "compiler_options":
		return s.CompilerOptions
	case "command_line_arguments":
		return s.CommandLineArguments
	case "stdin":
		return encodable{s.Stdin}
	case "expected_output":
		return encodable{s.ExpectedOutput}
	case "additional_files":
		if s.AdditionalFiles == nil {
			return nil
		}
		return EncodeBase64(*s.AdditionalFiles)
	case "callback_url":
		return s.CallbackURL
	case "cpu_time_limit":
		return decimal(s.CPUTimeLimit)
	case "cpu_extra_time":
		return decimal(s.CPUExtraTime)
	case "wall_time_limit":
		return decimal(s.WallTimeLimit)
	case "memory_limit":
		return s.MemoryLimit
	case "stack_limit":
		return s.StackLimit
	case "max_processes_and_or_threads":
		return s.MaxProcesses
	case "max_file_size":
		return s.MaxFileSize
	case "number_of_runs":
		return s.NumberOfRuns
	case "enable_per_process_and_thread_time_limit":
		return s.PerProcessTime
	case "enable_per_process_and_thread_memory_limit":
		return s.PerProcessMemory
	case "redirect_stderr_to_stdout":
		return s.RedirectStderr
	case "enable_network":
		return s.EnableNetwork
	case "status_id":
		return s.Status
	case "status":
		return StatusOf(s.Status)
	case "language":
		return struct {
			ID   int    `json:"id"`
			Name string `json:"name"`
		}{s.LanguageID, language.Name}
	case "stdout":
		return encodable{s.Stdout}
	case "stderr":
		return encodable{s.Stderr}
	case "compile_output":
		return encodable{s.CompileOutput}
	case "message":
		return encodable{s.Message}
	case "exit_code":
		return s.ExitCode
	case "exit_signal":
		return s.ExitSignal
	case "time":
		return decimalOrNil(s.Time)
	case "wall_time":
		return decimalOrNil(s.WallTime)
	case "memory":
		return s.Memory
	case "created_at":
		return timestamp(&s.CreatedAt)
	case "queued_at":
		return timestamp(s.QueuedAt)
	case "started_at":
		return timestamp(s.StartedAt)
	case "finished_at":
		return timestamp(s.FinishedAt)
	case "updated_at":
		return timestamp(s.UpdatedAt)
	case "queue_host":
		return s.QueueHost
	case "execution_host":
		return s.ExecutionHost
	}
	return nil
}

// decimal writes seconds as Judge0 does: a string with at least one decimal and at most three.
func decimal(seconds float64) string {
	text := strconv.FormatFloat(math.Round(seconds*1000)/1000, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

func decimalOrNil(seconds *float64) any {
	if seconds == nil {
		return nil
	}
	return decimal(*seconds)
}

// Timestamp writes a time as Judge0 does: ISO 8601 in UTC, with milliseconds.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func timestamp(t *time.Time) any {
	if t == nil || t.IsZero() {
		return nil
	}
	return Timestamp(*t)
}
