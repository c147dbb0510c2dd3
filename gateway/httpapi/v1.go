package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/check"
	"github.com/sandgate/sandgate/gateway/diagnose"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// v1 handles our own routes.
type v1 struct {
	submissions Submissions
	catalogue   submission.Catalogue
	metrics     Recorder
	policies    Policies
	checker     Checker
}

func (v *v1) languages(c *gin.Context) {
	pool, err := v.catalogue.Pool()
	if err != nil {
		_ = c.Error(err)
		return
	}
	type entry struct {
		ID      int    `json:"id"`
		Key     string `json:"key"`
		Name    string `json:"name"`
		Label   string `json:"label"`
		Version string `json:"version"`
		// Versions are all that the key stands for; run takes each by name or id.
		Versions []idAndName `json:"versions"`
	}
	versions := map[string][]idAndName{}
	for _, language := range pool.Languages.Active() {
		key := submission.KeyOf(language)
		if n := len(versions[key]); n == 0 || versions[key][n-1].Name != language.Name { // sorted by name
			versions[key] = append(versions[key], idAndName{language.ID, language.Name})
		}
	}
	list := []entry{}
	for _, n := range submission.NamedLanguages(pool.Languages) {
		list = append(list, entry{n.ID, n.Key, n.Name, n.Label, n.Version, versions[n.Key]})
	}
	c.JSON(http.StatusOK, gin.H{"languages": list})
}

// runAttributes are the keys of POST /api/v1/run by the Judge0 attributes that they set, and back
// for the messages of the validation.
var runAttributes = map[string]string{
	"code": "source_code", "stdin": "stdin", "compilerOptions": "compiler_options", "arguments": "command_line_arguments",
	"expectedOutput": "expected_output", "additionalFiles": "additional_files", "callbackUrl": "callback_url",
	"limits.cpuTime": "cpu_time_limit", "limits.wallTime": "wall_time_limit", "limits.memory": "memory_limit",
	"limits.stack": "stack_limit", "limits.processes": "max_processes_and_or_threads", "limits.fileSize": "max_file_size",
}

func (v *v1) run(c *gin.Context) {
	asked, err := v.read(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	reviewed, err := v.review(c.Request.Context(), account(c), asked)
	if err != nil {
		_ = c.Error(err)
		return
	}
	if reviewed.refused != "" {
		reviewed.refuse(c)
		return
	}
	sub, err := v.submissions.Create(c.Request.Context(), account(c), submission.Request{Params: asked.params, Key: c.GetHeader(idempotencyKey)})
	if err != nil {
		_ = c.Error(renamed(err))
		return
	}
	if !replayed(c, sub) {
		v.metrics.Intake(1)
	}
	c.Header("Location", "/api/v1/submissions/"+sub.Token)
	answer := gin.H{"jobId": sub.Token}
	if asked.check != check.Off {
		answer["diagnostics"], answer["policy"] = reviewed.Diagnostics, reviewed.Policy
	}
	c.JSON(http.StatusAccepted, answer)
}

// check looks at a program as run would, and runs nothing.
func (v *v1) check(c *gin.Context) {
	asked, err := v.read(c)
	if err == nil {
		asked.check = check.Report
		var reviewed review
		if reviewed, err = v.review(c.Request.Context(), account(c), asked); err == nil {
			c.JSON(http.StatusOK, reviewed)
			return
		}
	}
	_ = c.Error(err)
}

// asked is the body of POST /api/v1/run, in Judge0's attributes.
type asked struct {
	params api.Params
	check  check.Mode
}

// read reads and checks the keys of a body; the values are Judge0's to check.
func (v *v1) read(c *gin.Context) (asked, error) {
	body, err := readBody(c)
	if err != nil {
		return asked{}, err
	}
	pool, err := v.catalogue.Pool()
	if err != nil {
		return asked{}, err
	}
	var probe map[string]json.RawMessage
	if err := json.Unmarshal(body, &probe); err != nil {
		return asked{}, submission.Errorf(submission.Malformed, "the body is no JSON object")
	}
	given, err := api.ParamsFromJSON(body)
	if err != nil {
		return asked{}, submission.Errorf(submission.Malformed, "the body is no JSON object")
	}
	a, faults := asked{api.Params{}, check.Off}, api.Errors{}
	flat := api.Params{}
	for name, value := range given {
		limits, isObject := value.(map[string]any)
		switch {
		case name == "limits" && isObject:
			for limit, value := range limits {
				flat["limits."+limit] = value
			}
		case name == "limits" && value != nil:
			faults[name] = []string{"is not an object"}
		case strings.Contains(name, "."):
			faults[name] = []string{"is not known"}
		case name == "check" && value != nil:
			if a.check = check.Mode(text(given, name)); a.check != check.Off && a.check != check.Report && a.check != check.Enforce {
				faults[name] = []string{"is none of off, report and enforce"}
			}
		case name != "limits" && name != "check" && name != "language":
			flat[name] = value
		}
	}
	for name, value := range flat {
		attribute, known := runAttributes[name]
		if !known {
			faults[name] = []string{"is not known"}
			continue
		}
		a.params[attribute] = value
	}
	language := text(given, "language")
	found, known := submission.FindLanguage(pool.Languages, language)
	if !known || language == "" {
		faults["language"] = []string{unknownLanguage(language, pool.Languages)}
	}
	if found.ID != api.MultiFile && strings.TrimSpace(text(a.params, "source_code")) == "" {
		faults["code"] = []string{"can't be blank"}
	}
	if len(faults) > 0 {
		return a, &submission.Error{Code: submission.Invalid, Message: "the submission is not valid", Fields: faults}
	}
	a.params["language_id"] = json.Number(strconv.Itoa(found.ID))
	return a, withDefaults(a.params, found, pool.Config)
}

// The limits of a run that asks for none: those of the sandboxed platform, within what the pool allows.
const (
	runMemory    = 100 << 10 // kilobytes
	runProcesses = 64
	runWallTime  = 180 // seconds; also the most that can be asked for
)

// leastMemory is the memory of languages whose programs begin with more than runMemory, by key.
var leastMemory = map[string]int{
	"python-for-ml": 256 << 10, // the libraries alone take 80 MB
}

func withDefaults(params api.Params, language api.Language, pool api.Config) error {
	set := func(name string, value int) {
		if params[name] == nil || params[name] == "" {
			params[name] = json.Number(strconv.Itoa(value))
		}
	}
	set("memory_limit", min(max(runMemory, leastMemory[submission.KeyOf(language)]), pool.MaxMemoryLimit))
	set("max_processes_and_or_threads", min(runProcesses, pool.MaxMaxProcesses))
	if pool.WallTimeLimit > runWallTime {
		set("wall_time_limit", runWallTime)
	}
	if seconds, err := strconv.ParseFloat(text(params, "wall_time_limit"), 64); err == nil && seconds > runWallTime {
		return &submission.Error{Code: submission.Invalid, Message: "the submission is not valid", Fields: api.Errors{
			"limits.wallTime": {fmt.Sprintf("must be less than or equal to %.1f", min(runWallTime, pool.MaxWallTime))},
		}}
	}
	return nil
}

// review is what was found in a program before it runs.
type review struct {
	Checker     *string               `json:"checker"` // what looked at the program; null: its language has none
	Diagnostics []diagnose.Diagnostic `json:"diagnostics"`
	Policy      []check.Finding       `json:"policy"`
	refused     string                // why the program is not run; "": it may
}

// review looks at a program: by its account's policy, and with its language's checker if that was
// asked for and the policy allows the program.
func (v *v1) review(ctx context.Context, account string, a asked) (review, error) {
	r := review{Diagnostics: []diagnose.Diagnostic{}, Policy: []check.Finding{}}
	policy, err := v.policies.Policy(ctx, account)
	if err != nil || policy.Empty() && a.check == check.Off {
		return r, err
	}
	pool, err := v.catalogue.Pool()
	if err != nil {
		return r, err
	}
	program, faults := api.NewSubmission(a.params, false, pool.Config, pool.Languages)
	if faults != nil {
		return r, renamed(&submission.Error{Code: submission.Invalid, Message: "the submission is not valid", Fields: faults})
	}
	language, _ := pool.Languages.Get(program.LanguageID)
	r.Policy = append(r.Policy, policy.CheckProgram(language, program)...)
	if len(r.Policy) > 0 && policy.Enforced() {
		r.refused = "the program is against the policy of its account"
	}
	if a.check == check.Off || r.refused != "" && a.check == check.Enforce {
		return r, nil
	}
	result, err := v.checker.Check(ctx, account, program)
	if err != nil {
		return r, err
	}
	r.Checker = api.TextOrNil(result.Tool)
	r.Diagnostics = append(r.Diagnostics, result.Diagnostics...)
	if a.check == check.Enforce && r.refused == "" {
		for _, d := range r.Diagnostics {
			if d.Severity == diagnose.Error {
				r.refused = "the program has errors"
			}
		}
	}
	return r, nil
}

// refuse answers with why a program was not run.
func (r review) refuse(c *gin.Context) {
	kind := kinds[submission.Invalid]
	c.Header("Content-Type", "application/problem+json")
	c.JSON(kind.status, struct {
		problemDetails
		review
	}{problemDetails{"urn:sandgate:problem:" + kind.name, http.StatusText(kind.status), kind.status, r.refused, nil}, r})
}

func unknownLanguage(name string, languages api.Languages) string {
	var keys []string
	for _, n := range submission.NamedLanguages(languages) {
		keys = append(keys, n.Key)
	}
	if name == "" {
		return "can't be blank; known are " + strings.Join(keys, ", ")
	}
	return fmt.Sprintf("%q is not known; known are %s", name, strings.Join(keys, ", "))
}

// renamed gives the messages of the validation under the names that the client used.
func renamed(err error) error {
	fault, ok := err.(*submission.Error)
	if !ok || fault.Fields == nil {
		return err
	}
	fields := api.Errors{}
	for attribute, messages := range fault.Fields {
		name := attribute
		if attribute == "language_id" {
			name = "language"
		}
		for ours, theirs := range runAttributes {
			if theirs == attribute {
				name = ours
			}
		}
		fields[name] = messages
	}
	return &submission.Error{Code: fault.Code, Message: fault.Message, Fields: fields}
}

// Job is a submission as /api/v1 and live streams show it. Times are in seconds, memory in
// kilobytes.
type Job struct {
	JobID         string     `json:"jobId"`
	Language      idAndName  `json:"language"`
	Status        api.Status `json:"status"`
	Output        *string    `json:"output"`
	Error         *string    `json:"error"`
	Stderr        *string    `json:"stderr"`
	CompileOutput *string    `json:"compileOutput"`
	Message       *string    `json:"message"`
	ExitCode      *int       `json:"exitCode"`
	ExitSignal    *int       `json:"exitSignal"`
	Time          *float64   `json:"time"`
	WallTime      *float64   `json:"wallTime"`
	Memory        *int       `json:"memory"`
	CreatedAt     time.Time  `json:"createdAt"`
	StartedAt     *time.Time `json:"startedAt"`
	FinishedAt    *time.Time `json:"finishedAt"`
	// Diagnostics are the places in the source that the compiler and the failed program named.
	Diagnostics []diagnose.Diagnostic `json:"diagnostics,omitempty"`
}

// NewJob shows a submission; what is no UTF-8 in its texts becomes U+FFFD.
func NewJob(sub *submission.Submission, catalogue submission.Catalogue) Job {
	language := languageOf(catalogue, sub.LanguageID)
	job := Job{
		JobID: sub.Token, Language: idAndName{sub.LanguageID, language.Name}, Status: api.StatusOf(sub.Status),
		Output: readable(sub.Stdout), Stderr: readable(sub.Stderr), CompileOutput: readable(sub.CompileOutput), Message: readable(sub.Message),
		ExitCode: sub.ExitCode, ExitSignal: sub.ExitSignal, Time: sub.Time, WallTime: sub.WallTime, Memory: sub.Memory,
		CreatedAt: sub.CreatedAt.UTC(), StartedAt: sub.StartedAt, FinishedAt: sub.FinishedAt,
	}
	if api.Finished(sub.Status) {
		job.Diagnostics = job.diagnose(submission.KeyOf(language))
	}
	if api.Finished(sub.Status) && sub.Status != api.Accepted {
		job.Error = job.fault()
	}
	return job
}

// diagnose reads what the compiler said, and what the program said if it failed.
func (j Job) diagnose(language string) []diagnose.Diagnostic {
	var found []diagnose.Diagnostic
	if j.CompileOutput != nil {
		found = diagnose.Compiler(language, *j.CompileOutput)
	}
	if failed := j.Status.ID > api.CompilationError && j.Status.ID != api.InternalError; failed && j.Stderr != nil {
		found = append(found, diagnose.Program(language, *j.Stderr)...)
	}
	return found[:min(len(found), diagnose.MaxDiagnostics)]
}

// fault says in one text why a job was not accepted.
func (j Job) fault() *string {
	candidates := []*string{j.Stderr, j.Message}
	if j.Status.ID == api.CompilationError {
		candidates = []*string{j.CompileOutput, j.Stderr, j.Message}
	}
	for _, text := range candidates {
		if text != nil && *text != "" {
			return text
		}
	}
	return &j.Status.Description
}

func readable(s *string) *string {
	if s == nil {
		return nil
	}
	valid := strings.ToValidUTF8(*s, "\uFFFD")
	return &valid
}
