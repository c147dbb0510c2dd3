package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Config holds the settings of judge0.conf that decide what a submission may ask for. The `env`
// tag names the setting, the `json` tag the key under which GET /config_info shows it, so that
// one type serves the engine (from its environment) and the gateway (from the pool's answer).
// Times are in seconds, sizes in kilobytes.
type Config struct {
	MaintenanceMode    bool   `env:"MAINTENANCE_MODE" json:"maintenance_mode"`
	MaintenanceMessage string `env:"MAINTENANCE_MESSAGE" json:"-"`

	EnableWaitResult           bool  `env:"ENABLE_WAIT_RESULT" json:"enable_wait_result"`
	EnableCompilerOptions      bool  `env:"ENABLE_COMPILER_OPTIONS" json:"enable_compiler_options"`
	CompilerOptionsLanguages   names `env:"ALLOWED_LANGUAGES_FOR_COMPILER_OPTIONS" json:"allowed_languages_for_compile_options"`
	EnableCommandLineArguments bool  `env:"ENABLE_COMMAND_LINE_ARGUMENTS" json:"enable_command_line_arguments"`
	EnableSubmissionDelete     bool  `env:"ENABLE_SUBMISSION_DELETE" json:"enable_submission_delete"`
	EnableCallbacks            bool  `env:"ENABLE_CALLBACKS" json:"enable_callbacks"`
	EnableAdditionalFiles      bool  `env:"ENABLE_ADDITIONAL_FILES" json:"enable_additional_files"`
	EnableBatchedSubmissions   bool  `env:"ENABLE_BATCHED_SUBMISSIONS" json:"enable_batched_submissions"`

	CallbacksMaxTries int     `env:"CALLBACKS_MAX_TRIES" json:"callbacks_max_tries"`
	CallbacksTimeout  float64 `env:"CALLBACKS_TIMEOUT" json:"callbacks_timeout"`

	MaxQueueSize           int `env:"MAX_QUEUE_SIZE" json:"max_queue_size"`
	MaxSubmissionBatchSize int `env:"MAX_SUBMISSION_BATCH_SIZE" json:"max_submission_batch_size"`
	MaxExtractSize         int `env:"MAX_EXTRACT_SIZE" json:"max_extract_size"`

	// Clients look for these, and they do nothing here: answers are never out of date, and there is
	// no homepage.
	SubmissionCacheDuration float64 `env:"SUBMISSION_CACHE_DURATION" json:"submission_cache_duration"`
	UseDocsAsHomepage       bool    `env:"USE_DOCS_AS_HOMEPAGE" json:"use_docs_as_homepage"`

	CPUTimeLimit    float64 `env:"CPU_TIME_LIMIT" json:"cpu_time_limit"`
	MaxCPUTimeLimit float64 `env:"MAX_CPU_TIME_LIMIT" json:"max_cpu_time_limit"`
	CPUExtraTime    float64 `env:"CPU_EXTRA_TIME" json:"cpu_extra_time"`
	MaxCPUExtraTime float64 `env:"MAX_CPU_EXTRA_TIME" json:"max_cpu_extra_time"`
	WallTimeLimit   float64 `env:"WALL_TIME_LIMIT" json:"wall_time_limit"`
	MaxWallTime     float64 `env:"MAX_WALL_TIME_LIMIT" json:"max_wall_time_limit"`
	MemoryLimit     int     `env:"MEMORY_LIMIT" json:"memory_limit"`
	MaxMemoryLimit  int     `env:"MAX_MEMORY_LIMIT" json:"max_memory_limit"`
	StackLimit      int     `env:"STACK_LIMIT" json:"stack_limit"`
	MaxStackLimit   int     `env:"MAX_STACK_LIMIT" json:"max_stack_limit"`
	MaxProcesses    int     `env:"MAX_PROCESSES_AND_OR_THREADS" json:"max_processes_and_or_threads"`
	MaxMaxProcesses int     `env:"MAX_MAX_PROCESSES_AND_OR_THREADS" json:"max_max_processes_and_or_threads"`
	MaxFileSize     int     `env:"MAX_FILE_SIZE" json:"max_file_size"`
	MaxMaxFileSize  int     `env:"MAX_MAX_FILE_SIZE" json:"max_max_file_size"`
	NumberOfRuns    int     `env:"NUMBER_OF_RUNS" json:"number_of_runs"`
	MaxNumberOfRuns int     `env:"MAX_NUMBER_OF_RUNS" json:"max_number_of_runs"`

	PerProcessTime        bool `env:"ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT" json:"enable_per_process_and_thread_time_limit"`
	AllowPerProcessTime   bool `env:"ALLOW_ENABLE_PER_PROCESS_AND_THREAD_TIME_LIMIT" json:"allow_enable_per_process_and_thread_time_limit"`
	PerProcessMemory      bool `env:"ENABLE_PER_PROCESS_AND_THREAD_MEMORY_LIMIT" json:"enable_per_process_and_thread_memory_limit"`
	AllowPerProcessMemory bool `env:"ALLOW_ENABLE_PER_PROCESS_AND_THREAD_MEMORY_LIMIT" json:"allow_enable_per_process_and_thread_memory_limit"`
	RedirectStderr        bool `env:"REDIRECT_STDERR_TO_STDOUT" json:"redirect_stderr_to_stdout"`
	EnableNetwork         bool `env:"ENABLE_NETWORK" json:"enable_network"`
	AllowEnableNetwork    bool `env:"ALLOW_ENABLE_NETWORK" json:"allow_enable_network"`
}

// names are separated by blanks in a setting, and a list in an answer, never null.
type names []string

func (n names) MarshalJSON() ([]byte, error) {
	if n == nil {
		return []byte("[]"), nil
	}
	return json.Marshal([]string(n))
}

// DefaultConfig is Judge0's own, but for AllowEnableNetwork: untrusted code gets no network.
func DefaultConfig() Config {
	return Config{
		EnableWaitResult: true, EnableCompilerOptions: true, EnableCommandLineArguments: true,
		EnableSubmissionDelete: false, EnableCallbacks: true, EnableAdditionalFiles: true,
		EnableBatchedSubmissions: true,
		CallbacksMaxTries:        3, CallbacksTimeout: 5,
		MaxQueueSize: 100, MaxSubmissionBatchSize: 20, MaxExtractSize: 10240, SubmissionCacheDuration: 1,
		CPUTimeLimit: 5, MaxCPUTimeLimit: 15, CPUExtraTime: 1, MaxCPUExtraTime: 5,
		WallTimeLimit: 10, MaxWallTime: 20,
		MemoryLimit: 128_000, MaxMemoryLimit: 512_000, StackLimit: 64_000, MaxStackLimit: 128_000,
		MaxProcesses: 60, MaxMaxProcesses: 120, MaxFileSize: 1024, MaxMaxFileSize: 4096,
		NumberOfRuns: 1, MaxNumberOfRuns: 20,
		AllowPerProcessTime: true, AllowPerProcessMemory: true,
	}
}

// CallbackTimeout is CALLBACKS_TIMEOUT as a duration.
func (c Config) CallbackTimeout() time.Duration {
	return time.Duration(c.CallbacksTimeout * float64(time.Second))
}

// ConfigFromEnv reads the settings through lookup (os.LookupEnv in a program), starting from
// DefaultConfig. An empty value counts as unset. All faults are reported at once.
func ConfigFromEnv(lookup func(string) (string, bool)) (Config, error) {
	c := DefaultConfig()
	var faults []error
	v := reflect.ValueOf(&c).Elem()
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("env")
		text, ok := lookup(name)
		text = strings.TrimSpace(text)
		if !ok || text == "" {
			continue
		}
		if err := setField(v.Field(i), text); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	if len(faults) == 0 {
		faults = c.contradictions()
	}
	return c, errors.Join(faults...)
}

func setField(f reflect.Value, text string) error {
	switch f.Kind() {
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		f.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number of 0 or more", text)
		}
		f.SetInt(int64(n))
	case reflect.Float64:
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n >= 0 && n <= 1e9) {
			return fmt.Errorf("%q is no number of 0 or more", text)
		}
		f.SetFloat(n)
	case reflect.Slice:
		f.Set(reflect.ValueOf(names(strings.Fields(text))))
	default:
		f.SetString(text)
	}
	return nil
}

// contradictions finds defaults that exceed their own maximum: every submission that leaves the
// attribute out would break its own rule.
func (c Config) contradictions() []error {
	var faults []error
	for _, limit := range []struct {
		name       string
		value, max float64
	}{
		{"CPU_TIME_LIMIT", c.CPUTimeLimit, c.MaxCPUTimeLimit},
		{"CPU_EXTRA_TIME", c.CPUExtraTime, c.MaxCPUExtraTime},
		{"WALL_TIME_LIMIT", c.WallTimeLimit, c.MaxWallTime},
		{"MEMORY_LIMIT", float64(c.MemoryLimit), float64(c.MaxMemoryLimit)},
		{"STACK_LIMIT", float64(c.StackLimit), float64(c.MaxStackLimit)},
		{"MAX_PROCESSES_AND_OR_THREADS", float64(c.MaxProcesses), float64(c.MaxMaxProcesses)},
		{"MAX_FILE_SIZE", float64(c.MaxFileSize), float64(c.MaxMaxFileSize)},
		{"NUMBER_OF_RUNS", float64(c.NumberOfRuns), float64(c.MaxNumberOfRuns)},
	} {
		if limit.value > limit.max {
			faults = append(faults, fmt.Errorf("%s: %v is more than MAX_%s, %v", limit.name, limit.value, limit.name, limit.max))
		}
	}
	return faults
}
