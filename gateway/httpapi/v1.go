package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// v1 handles our own routes.
type v1 struct {
	submissions Submissions
	catalogue   submission.Catalogue
	metrics     Recorder
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
	}
	list := []entry{}
	for _, n := range submission.NamedLanguages(pool.Languages) {
		list = append(list, entry{n.ID, n.Key, n.Name, n.Label, n.Version})
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
	body, err := readBody(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	params, faults, err := v.runParams(body)
	if err != nil {
		_ = c.Error(err)
		return
	}
	var sub *submission.Submission
	if len(faults) == 0 {
		sub, err = v.submissions.Create(c.Request.Context(), account(c), submission.Request{Params: params})
		err = renamed(err)
	} else {
		err = &submission.Error{Code: submission.Invalid, Message: "the submission is not valid", Fields: faults}
	}
	if err != nil {
		_ = c.Error(err)
		return
	}
	v.metrics.Intake(1)
	c.Header("Location", "/api/v1/submissions/"+sub.Token)
	c.JSON(http.StatusAccepted, gin.H{"jobId": sub.Token})
}

// runParams turns a body into Judge0's attributes, with what is wrong with its keys.
func (v *v1) runParams(body []byte) (api.Params, api.Errors, error) {
	pool, err := v.catalogue.Pool()
	if err != nil {
		return nil, nil, err
	}
	var probe map[string]json.RawMessage
	if err := json.Unmarshal(body, &probe); err != nil {
		return nil, nil, submission.Errorf(submission.Malformed, "the body is no JSON object")
	}
	given, err := api.ParamsFromJSON(body)
	if err != nil {
		return nil, nil, submission.Errorf(submission.Malformed, "the body is no JSON object")
	}
	params, faults := api.Params{}, api.Errors{}
	if limits, ok := given["limits"].(map[string]any); ok {
		for name, value := range limits {
			given["limits."+name] = value
		}
	} else if given["limits"] != nil {
		faults["limits"] = []string{"is not an object"}
	}
	delete(given, "limits")
	language := text(given, "language")
	delete(given, "language")
	for name, value := range given {
		attribute, known := runAttributes[name]
		if !known {
			faults[name] = []string{"is not known"}
			continue
		}
		params[attribute] = value
	}
	if text(params, "source_code") == "" && params["additional_files"] == nil {
		faults["code"] = []string{"can't be blank"}
	}
	if found, ok := submission.FindLanguage(pool.Languages, language); ok && language != "" {
		params["language_id"] = json.Number(fmt.Sprint(found.ID))
	} else {
		faults["language"] = []string{unknownLanguage(language, pool.Languages)}
	}
	return params, faults, nil
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
}

// NewJob shows a submission; what is no UTF-8 in its texts becomes U+FFFD.
func NewJob(sub *submission.Submission, catalogue submission.Catalogue) Job {
	job := Job{
		JobID: sub.Token, Language: idAndName{sub.LanguageID, languageOf(catalogue, sub.LanguageID).Name}, Status: api.StatusOf(sub.Status),
		Output: readable(sub.Stdout), Stderr: readable(sub.Stderr), CompileOutput: readable(sub.CompileOutput), Message: readable(sub.Message),
		ExitCode: sub.ExitCode, ExitSignal: sub.ExitSignal, Time: sub.Time, WallTime: sub.WallTime, Memory: sub.Memory,
		CreatedAt: sub.CreatedAt.UTC(), StartedAt: sub.StartedAt, FinishedAt: sub.FinishedAt,
	}
	if api.Finished(sub.Status) && sub.Status != api.Accepted {
		job.Error = job.fault()
	}
	return job
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
