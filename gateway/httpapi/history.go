package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

const (
	historyDefault = 20
	historyMost    = 100
	// filterMost bounds how many languages or statuses a filter may name.
	filterMost = 100
)

// history handles what an account has submitted before.
type history struct {
	submissions Submissions
	records     Records
	catalogue   submission.Catalogue
	room        *room
}

// list answers with a page of jobs, newest first. A page of large outputs is shorter than was asked
// for: next tells whether more is left.
func (h *history) list(c *gin.Context) {
	filter, err := h.filter(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	answer := bulk{room: h.room}
	defer answer.release()
	for left := filter.Limit; left > 0 && answer.bytes < answer.page; {
		filter.Limit = answer.next(left, 1)
		page, next, err := h.records.History(c.Request.Context(), account(c), filter)
		before := len(answer.pieces)
		if err == nil {
			err = h.add(&answer, page)
		}
		var tooLarge errListTooLarge
		if errors.As(err, &tooLarge) && before > 0 {
			// The next page begins where this chunk did.
			answer.cut(before)
			break
		}
		if err != nil {
			_ = c.Error(err)
			return
		}
		left -= len(page)
		if filter.Cursor = next; next == "" {
			break
		}
	}
	if err := answer.answer(c, gin.H{"next": api.TextOrNil(filter.Cursor)}); err != nil {
		_ = c.Error(err)
	}
}

func (h *history) add(answer *bulk, page []*submission.Submission) error {
	answer.read(page)
	for _, sub := range page {
		piece, err := json.Marshal(NewJob(sub, h.catalogue))
		if err != nil {
			return err
		}
		if err := answer.add(piece); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) filter(c *gin.Context) (filter submission.Filter, err error) {
	filter = submission.Filter{Cursor: c.Query("cursor"), Limit: historyDefault}
	if text := c.Query("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > historyMost {
			return filter, submission.Errorf(submission.Malformed, "limit is no whole number from 1 to %d", historyMost)
		}
		filter.Limit = n
	}
	for name, to := range map[string]*time.Time{"since": &filter.Since, "until": &filter.Until} {
		if text := c.Query(name); text != "" {
			if *to, err = time.Parse(time.RFC3339Nano, text); err != nil {
				return filter, submission.Errorf(submission.Malformed, "%s is no time such as 2026-01-31T12:00:00Z", name)
			}
		}
	}
	if filter.Statuses, err = statuses(values(c, "status")); err != nil {
		return filter, err
	}
	filter.Languages, err = h.languages(values(c, "language"))
	return filter, err
}

// values gives a parameter that may be repeated, or hold several with commas between.
func values(c *gin.Context, name string) []string {
	var list []string
	for _, text := range c.QueryArray(name) {
		for value := range strings.SplitSeq(text, ",") {
			if value = strings.TrimSpace(value); value != "" {
				list = append(list, value)
			}
		}
	}
	return list
}

func statuses(names []string) ([]int, error) {
	var ids []int
	for _, name := range names {
		id, err := strconv.Atoi(name)
		known := func(s api.Status) bool { return s.ID == id }
		if err != nil || !slices.ContainsFunc(api.Statuses(), known) {
			return nil, submission.Errorf(submission.Malformed, "%.50q is no status: they are the ids of /statuses", name)
		}
		ids = append(ids, id)
	}
	return bounded(ids, "statuses")
}

// languages gives all versions of a language that is named by its key, archived ones among them: the
// history is older than the catalogue.
func (h *history) languages(names []string) ([]int, error) {
	if len(names) == 0 {
		return nil, nil
	}
	pool, err := h.catalogue.Pool()
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, name := range names {
		found := submission.LanguageVersions(pool.Languages, name)
		if id, err := strconv.Atoi(name); err == nil {
			found = []int{id}
		}
		if len(found) == 0 {
			return nil, submission.Errorf(submission.Malformed, "language %.50q is not known: they are the keys of /api/v1/languages, or ids", name)
		}
		ids = append(ids, found...)
	}
	return bounded(ids, "languages")
}

func bounded(ids []int, what string) ([]int, error) {
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) > filterMost {
		return nil, submission.Errorf(submission.Malformed, "these are more than %d %s", filterMost, what)
	}
	return ids, nil
}

func (h *history) get(c *gin.Context) {
	withProgram := c.Query("program") == "true"
	sub, err := h.submissions.Get(c.Request.Context(), account(c), c.Param("token"), submission.Part(withProgram))
	if err != nil {
		_ = c.Error(err)
		return
	}
	if withProgram {
		c.JSON(http.StatusOK, newWholeJob(sub, h.catalogue))
		return
	}
	c.JSON(http.StatusOK, NewJob(sub, h.catalogue))
}

func (h *history) delete(c *gin.Context) {
	if _, err := h.submissions.Delete(c.Request.Context(), account(c), c.Param("token")); err != nil {
		_ = c.Error(err)
		return
	}
	c.Status(http.StatusNoContent)
}

// wholeJob is a job with the program that it ran.
type wholeJob struct {
	Job
	Program program `json:"program"`
}

// program has the names of POST /api/v1/run.
type program struct {
	Code            *string       `json:"code"`
	Stdin           *string       `json:"stdin"`
	ExpectedOutput  *string       `json:"expectedOutput"`
	Arguments       *string       `json:"arguments"`
	CompilerOptions *string       `json:"compilerOptions"`
	AdditionalFiles *string       `json:"additionalFiles"` // Base64 of a zip
	Limits          programLimits `json:"limits"`
}

type programLimits struct {
	CPUTime   float64 `json:"cpuTime"`
	WallTime  float64 `json:"wallTime"`
	Memory    int     `json:"memory"`
	Stack     int     `json:"stack"`
	Processes int     `json:"processes"`
	FileSize  int     `json:"fileSize"`
}

// newWholeJob shows a submission that was read whole. Where its results go is left out.
func newWholeJob(sub *submission.Submission, catalogue submission.Catalogue) wholeJob {
	job := wholeJob{NewJob(sub, catalogue), program{
		Code: readable(sub.SourceCode), Stdin: readable(sub.Stdin), ExpectedOutput: readable(sub.ExpectedOutput),
		Arguments: readable(sub.CommandLineArguments), CompilerOptions: readable(sub.CompilerOptions),
		Limits: programLimits{sub.CPUTimeLimit, sub.WallTimeLimit, sub.MemoryLimit, sub.StackLimit, sub.MaxProcesses, sub.MaxFileSize},
	}}
	if sub.AdditionalFiles != nil {
		text := base64.StdEncoding.EncodeToString([]byte(*sub.AdditionalFiles))
		job.Program.AdditionalFiles = &text
	}
	return job
}
