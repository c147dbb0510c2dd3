package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxOptions bounds compiler_options and command_line_arguments, in characters.
const maxOptions = 512

// maxURL bounds callback_url, in bytes: more than any server takes.
const maxURL = 2048

// Errors are the messages of Judge0's validation by attribute; its JSON form is the body of a 422.
type Errors map[string][]string

func (e Errors) Error() string {
	text, _ := json.Marshal(map[string][]string(e))
	return string(text)
}

func (e Errors) add(attribute, message string) { e[attribute] = append(e[attribute], message) }

// Params are the attributes of a request before they are checked: strings from a query or a form,
// any JSON value from a body.
type Params map[string]any

// ParamsFromQuery takes the first value of each name. The submissions of a batch come as Rails has it,
// submissions[][source_code]=…&submissions[][language_id]=… once for each of them.
func ParamsFromQuery(values url.Values) Params {
	p := make(Params, len(values))
	var batch []any
	for name, list := range values {
		p[name] = values.Get(name)
		attribute, ok := strings.CutPrefix(name, "submissions[][")
		if !ok || !strings.HasSuffix(attribute, "]") {
			continue
		}
		if batch == nil {
			batch = make([]any, len(list))
			for i := range batch {
				batch[i] = map[string]any{}
			}
		}
		if len(list) != len(batch) { // whose is whose can't be told
			return p
		}
		for i, value := range list {
			batch[i].(map[string]any)[strings.TrimSuffix(attribute, "]")] = value
		}
	}
	if batch != nil {
		p["submissions"] = batch
	}
	return p
}

// Merge puts the entries of other over those of p.
func (p Params) Merge(other Params) {
	for name, value := range other {
		p[name] = value
	}
}

// ParamsFromJSON reads a JSON body. A body that is empty or holds no object has no attributes;
// one that is no JSON is an error.
func ParamsFromJSON(body []byte) (Params, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return Params{}, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("the body is no JSON: %w", err)
	}
	if decoder.More() {
		return nil, fmt.Errorf("the body is no JSON: it goes on after its end")
	}
	object, _ := value.(map[string]any)
	return Params(object), nil
}

// NewSubmission checks params by Judge0's rules and makes a submission of them, in the state In
// Queue. With base64, source_code, stdin and expected_output are decoded first. On failure it
// gives all messages for all attributes. Token and times are the caller's to set.
func NewSubmission(params Params, base64 bool, config Config, languages Languages) (*Submission, Errors) {
	r := reader{params: params, errors: Errors{}}
	s := &Submission{
		SourceCode:           r.encoded("source_code", base64),
		Stdin:                r.encoded("stdin", base64),
		ExpectedOutput:       r.encoded("expected_output", base64),
		AdditionalFiles:      r.encoded("additional_files", true),
		CompilerOptions:      r.text("compiler_options"),
		CommandLineArguments: r.text("command_line_arguments"),
		CallbackURL:          r.text("callback_url"),
		Result:               Result{Status: InQueue},
	}
	language := r.language(s, languages)
	r.program(s)
	r.options(s, language, config, languages)

	s.NumberOfRuns = r.whole("number_of_runs", config.NumberOfRuns, above(0), float64(config.MaxNumberOfRuns))
	s.CPUTimeLimit = r.seconds("cpu_time_limit", config.CPUTimeLimit, 0, config.MaxCPUTimeLimit)
	s.CPUExtraTime = r.seconds("cpu_extra_time", config.CPUExtraTime, 0, config.MaxCPUExtraTime)
	s.WallTimeLimit = r.seconds("wall_time_limit", config.WallTimeLimit, 1, config.MaxWallTime)
	s.MemoryLimit = r.whole("memory_limit", config.MemoryLimit, atLeast(2048), float64(config.MaxMemoryLimit))
	s.StackLimit = r.whole("stack_limit", config.StackLimit, atLeast(0), float64(config.MaxStackLimit))
	s.MaxProcesses = r.whole("max_processes_and_or_threads", config.MaxProcesses, above(0), float64(config.MaxMaxProcesses))
	s.MaxFileSize = r.whole("max_file_size", config.MaxFileSize, atLeast(0), float64(config.MaxMaxFileSize))
	s.RedirectStderr = r.flag("redirect_stderr_to_stdout", config.RedirectStderr)
	s.PerProcessTime = r.allowed("enable_per_process_and_thread_time_limit", config.PerProcessTime, config.AllowPerProcessTime, "this option cannot be enabled")
	s.PerProcessMemory = r.allowed("enable_per_process_and_thread_memory_limit", config.PerProcessMemory, config.AllowPerProcessMemory, "this option cannot be enabled")
	s.EnableNetwork = r.allowed("enable_network", config.EnableNetwork, config.AllowEnableNetwork, "enabling network is not allowed")

	if len(r.errors) > 0 {
		return nil, r.errors
	}
	return s, nil
}

// reader takes typed attributes out of params, with the conversions that Judge0 makes, and keeps
// what is wrong with them.
type reader struct {
	params Params
	errors Errors
}

// text gives a scalar as a string; what is no scalar counts as absent.
func (r *reader) text(name string) *string {
	switch v := r.params[name].(type) {
	case string:
		return &v
	case json.Number:
		s := v.String()
		return &s
	case bool:
		s := "f"
		if v {
			s = "t"
		}
		return &s
	}
	return nil
}

func (r *reader) encoded(name string, base64 bool) *string {
	s := r.text(name)
	if s != nil && base64 {
		decoded := DecodeBase64(*s)
		s = &decoded
	}
	return s
}

func (r *reader) language(s *Submission, languages Languages) Language {
	shown := ""
	if text := r.text("language_id"); text != nil && strings.TrimSpace(*text) != "" {
		s.LanguageID = leadingInt(*text)
		shown = strconv.Itoa(s.LanguageID)
	} else {
		r.errors.add("language_id", "can't be blank")
	}
	language, ok := languages.Get(s.LanguageID)
	switch {
	case !ok:
		r.errors.add("language_id", "language with id "+shown+" doesn't exist")
	case language.IsArchived:
		r.errors.add("language_id", "language with id "+shown+" is archived and cannot be used anymore")
	}
	return language
}

// SplitTokens reads the tokens of a batch as Ruby splits: what is empty counts, but not at the end.
func SplitTokens(text string) []string {
	tokens := strings.Split(text, ",")
	for i := range tokens {
		tokens[i] = strings.TrimSpace(tokens[i])
	}
	for len(tokens) > 0 && tokens[len(tokens)-1] == "" {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

// LeadingInt reads a whole number as Ruby does: the digits that text begins with, and 0 where there
// are none. What exceeds 32 bits is the largest or least of them.
func LeadingInt(text string) int {
	text = strings.TrimSpace(text)
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[0] == '-' || text[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(text[:end], 10, 32) // at a limit where it is out of range
	return int(n)
}

// leadingInt reads a number as a database column of integers takes it: the whole part, and 0 for
// what is none.
func leadingInt(text string) int {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > math.MaxInt32 {
		return 0
	}
	return int(n)
}

func (r *reader) program(s *Submission) {
	blank := func(p *string) bool { return p == nil || strings.TrimSpace(*p) == "" }
	if s.LanguageID != MultiFile {
		if blank(s.SourceCode) {
			r.errors.add("source_code", "can't be blank")
		}
		return
	}
	if !blank(s.SourceCode) {
		r.errors.add("source_code", "must be blank")
	}
	s.SourceCode = nil
	if s.AdditionalFiles == nil || *s.AdditionalFiles == "" {
		r.errors.add("additional_files", "can't be blank")
	}
}

func (r *reader) options(s *Submission, language Language, config Config, languages Languages) {
	given := func(p *string) bool { return p != nil && *p != "" }
	if given(s.CompilerOptions) {
		switch {
		case !config.EnableCompilerOptions:
			r.errors.add("compiler_options", "setting compiler options is not allowed")
		case language.CompileCmd == "" && language.ID != 0:
			r.errors.add("compiler_options", "setting compiler options is only allowed for compiled languages")
		default:
			if names := config.CompilerOptionsLanguages; len(names) > 0 && !slices.Contains(names, language.family()) {
				r.errors.add("compiler_options", "setting compiler options is only allowed for "+sentence(names))
			}
		}
	}
	if given(s.CommandLineArguments) && !config.EnableCommandLineArguments {
		r.errors.add("command_line_arguments", "setting command line arguments is not allowed")
	}
	for name, value := range map[string]*string{"compiler_options": s.CompilerOptions, "command_line_arguments": s.CommandLineArguments} {
		if value != nil && len([]rune(*value)) > maxOptions {
			r.errors.add(name, fmt.Sprintf("is too long (maximum is %d characters)", maxOptions))
		}
	}
	if given(s.CallbackURL) {
		if !config.EnableCallbacks {
			r.errors.add("callback_url", "setting callback is not allowed")
		} else if u, err := url.Parse(*s.CallbackURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			// Judge0 takes anything here and fails silently later.
			r.errors.add("callback_url", "is not a valid URL")
		} else if len(*s.CallbackURL) > maxURL {
			r.errors.add("callback_url", fmt.Sprintf("is too long (maximum is %d characters)", maxURL))
		}
	} else {
		s.CallbackURL = nil
	}
	if given(s.AdditionalFiles) && !config.EnableAdditionalFiles {
		r.errors.add("additional_files", "setting additional files is not allowed")
	}
}

// sentence joins names as English does: "C, C++ and Go".
func sentence(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// least is the lower bound of a number, with the words for what is below it.
type least struct {
	holds   func(float64) bool
	message string
}

func above(n int) least {
	return least{func(v float64) bool { return v > float64(n) }, fmt.Sprintf("must be greater than %d", n)}
}

func atLeast(n int) least {
	return least{func(v float64) bool { return v >= float64(n) }, fmt.Sprintf("must be greater than or equal to %d", n)}
}

// number reads a number within bounds; absent, null and "" give fallback.
func (r *reader) number(name string, fallback float64, min least, max float64, maxText string) float64 {
	var text string
	switch v := r.params[name].(type) {
	case nil:
		return fallback
	case string:
		text = strings.TrimSpace(v)
		if text == "" {
			return fallback
		}
	case json.Number:
		text = v.String()
	default:
		r.errors.add(name, "is not a number")
		return fallback
	}
	n, err := strconv.ParseFloat(text, 64)
	if strings.ContainsAny(text, "xXpP_nN") || err != nil && !math.IsInf(n, 0) {
		r.errors.add(name, "is not a number")
		return fallback
	}
	switch {
	case !min.holds(n):
		r.errors.add(name, min.message)
	case n > max:
		r.errors.add(name, "must be less than or equal to "+maxText)
	}
	return n
}

func (r *reader) seconds(name string, fallback float64, min int, max float64) float64 {
	maxText := strconv.FormatFloat(max, 'f', -1, 64)
	if !strings.Contains(maxText, ".") {
		maxText += ".0"
	}
	return r.number(name, fallback, atLeast(min), max, maxText)
}

func (r *reader) whole(name string, fallback int, min least, max float64) int {
	n := r.number(name, float64(fallback), min, max, strconv.FormatFloat(max, 'f', -1, 64))
	if n > max || n < 0 {
		return 0
	}
	return int(n)
}

// flag reads a truth value as Judge0 does: all but a few words for false is true.
func (r *reader) flag(name string, fallback bool) bool {
	switch v := r.params[name].(type) {
	case nil:
		return fallback
	case bool:
		return v
	case json.Number:
		return v.String() != "0"
	case string:
		switch v {
		case "":
			return fallback
		case "0", "f", "F", "false", "FALSE", "off", "OFF":
			return false
		}
	}
	return true
}

func (r *reader) allowed(name string, fallback, allowed bool, message string) bool {
	on := r.flag(name, fallback)
	if on && !allowed && !fallback {
		r.errors.add(name, message)
	}
	return on
}
