package httpapi

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// judge0 handles Judge0's own routes.
type judge0 struct {
	submissions Submissions
	catalogue   submission.Catalogue
	metrics     Recorder
	room        *room
}

const (
	perPageDefault = 20
	perPageMost    = 500
)

func (j *judge0) create(c *gin.Context) {
	params, err := readParams(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shape, err := shapeOf(params)
	if err != nil {
		_ = c.Error(err)
		return
	}
	request := submission.Request{Params: params, Base64: shape.base64, Key: cmp.Or(c.GetHeader(idempotencyKey), text(params, "idempotency_key"))}
	wait := isTrue(params, "wait")
	take := j.submissions.Create
	if wait {
		take = j.submissions.Run
		unhurried(c)
	}
	sub, err := take(c.Request.Context(), account(c), request)
	if err != nil {
		_ = c.Error(err)
		return
	}
	if !replayed(c, sub) {
		j.metrics.Intake(1)
	}
	if !wait {
		c.JSON(http.StatusCreated, tokenOnly{sub.Token})
		return
	}
	hurried(c)
	body, err := j.render(sub, shape)
	if errors.Is(err, api.ErrNotUTF8) {
		c.JSON(http.StatusCreated, gin.H{"token": sub.Token, "error": err.Error()})
		return
	}
	if err != nil {
		_ = c.Error(err)
		return
	}
	rawJSON(c, http.StatusCreated, body)
}

type tokenOnly struct {
	Token string `json:"token"`
}

func (j *judge0) createBatch(c *gin.Context) {
	params, err := readParams(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	list, _ := params["submissions"].([]any)
	requests := make([]submission.Request, len(list))
	for i, entry := range list {
		attributes, _ := entry.(map[string]any)
		requests[i] = submission.Request{Params: attributes, Base64: isTrue(params, "base64_encoded")}
	}
	created, err := j.submissions.CreateMany(c.Request.Context(), account(c), requests, c.GetHeader(idempotencyKey))
	if err != nil {
		_ = c.Error(err)
		return
	}
	answers, valid, repeated := make([]any, len(created)), 0, 0
	for i, each := range created {
		if each.Submission == nil {
			answers[i] = each.Errors
			continue
		}
		answers[i] = tokenOnly{each.Submission.Token}
		if valid++; replayed(c, each.Submission) {
			repeated++
		}
	}
	j.metrics.Intake(valid - repeated)
	if valid == 0 {
		c.JSON(http.StatusUnprocessableEntity, answers)
		return
	}
	c.JSON(http.StatusCreated, answers)
}

func (j *judge0) get(c *gin.Context) {
	j.show(c, false, j.submissions.Get)
}

func (j *judge0) delete(c *gin.Context) {
	j.show(c, true, func(ctx context.Context, account, token string, _ submission.Part) (*submission.Submission, error) {
		sub, err := j.submissions.Delete(ctx, account, token)
		var fault *submission.Error
		if errors.As(err, &fault) && fault.Code == submission.Conflict {
			err = submission.Errorf(submission.Malformed, "%s", fault.Message) // as Judge0 has it
		}
		return sub, err
	})
}

func (j *judge0) show(c *gin.Context, base64 bool, find func(ctx context.Context, account, token string, what submission.Part) (*submission.Submission, error)) {
	shape, err := queryShape(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shape.base64 = shape.base64 || base64
	sub, err := find(c.Request.Context(), account(c), c.Param("token"), submission.Part(shape.fields.Program()))
	if err != nil {
		_ = c.Error(err)
		return
	}
	body, err := j.render(sub, shape)
	if err != nil {
		_ = c.Error(plain(err))
		return
	}
	rawJSON(c, http.StatusOK, body)
}

// plain makes text that is none the client's fault: it may ask for Base64.
func plain(err error) error {
	if errors.Is(err, api.ErrNotUTF8) || errors.Is(err, api.ErrSomeNotUTF8) {
		return submission.Errorf(submission.Malformed, "%s", err.Error())
	}
	return err
}

func (j *judge0) render(sub *submission.Submission, shape shape) (json.RawMessage, error) {
	return sub.Render(shape.fields, shape.base64, languageOf(j.catalogue, sub.LanguageID))
}

func languageOf(catalogue submission.Catalogue, id int) api.Language {
	pool, err := catalogue.Pool()
	if err != nil {
		return api.Language{ID: id}
	}
	language, _ := pool.Languages.Get(id)
	return language
}

func (j *judge0) getBatch(c *gin.Context) {
	shape, err := queryShape(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	joined := c.GetHeader("tokens")
	if joined == "" {
		joined = c.Query("tokens")
	}
	tokens := api.SplitTokens(joined)
	subs, err := j.submissions.GetMany(c.Request.Context(), account(c), tokens, submission.Outcome)
	if err != nil {
		_ = c.Error(err)
		return
	}
	answer := bulk{room: j.room}
	defer answer.release()
	what := submission.Part(shape.fields.Program())
	for at := 0; at < len(subs); {
		n := answer.next(len(subs)-at, 3)
		chunk := subs[at : at+n]
		if what == submission.Whole {
			if chunk, err = j.submissions.GetMany(c.Request.Context(), account(c), tokens[at:at+n], what); err != nil {
				_ = c.Error(err)
				return
			}
		}
		if err := j.renderAll(&answer, chunk, shape); err != nil {
			_ = c.Error(err)
			return
		}
		at += n
	}
	if err := answer.answer(c, nil); err != nil {
		_ = c.Error(err)
	}
}

// renderAll adds what was read to a list; null stands for what is not there.
func (j *judge0) renderAll(answer *bulk, subs []*submission.Submission, shape shape) error {
	answer.read(subs)
	for _, sub := range subs {
		piece := json.RawMessage("null")
		if sub != nil {
			var err error
			if piece, err = j.render(sub, shape); err != nil {
				return plain(api.OfSeveral(err))
			}
		}
		err := answer.add(piece)
		var tooLarge errListTooLarge
		if errors.As(err, &tooLarge) {
			return tooLarge.asked()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *judge0) list(c *gin.Context) {
	shape, err := queryShape(c)
	if err != nil {
		_ = c.Error(err)
		return
	}
	page, perPage := number(c.Query("page"), 1), number(c.Query("per_page"), perPageDefault)
	switch {
	case page <= 0:
		err = submission.Errorf(submission.Malformed, "invalid page: %d", page)
	case perPage <= 0:
		err = submission.Errorf(submission.Malformed, "invalid per_page: %d", perPage)
	}
	if err != nil {
		_ = c.Error(err)
		return
	}
	page, perPage = min(page, 1_000_000), min(perPage, perPageMost)
	ctx, what := c.Request.Context(), submission.Part(shape.fields.Program())
	answer := bulk{room: j.room}
	defer answer.release()
	total, offset, seen := 0, (page-1)*perPage, map[string]bool{}
	for len(answer.pieces) < perPage {
		n := answer.next(perPage-len(answer.pieces), 3)
		// What comes in meanwhile moves the rest on: some are read twice then, and none is missed.
		chunk, all, err := j.submissions.List(ctx, account(c), offset, n, what)
		if err != nil {
			_ = c.Error(err)
			return
		}
		if offset += n; len(seen) == 0 {
			total = all
		}
		there := len(chunk)
		fresh := slices.DeleteFunc(chunk, func(sub *submission.Submission) bool { return seen[sub.Token] })
		for _, sub := range fresh {
			seen[sub.Token] = true
		}
		if err := j.renderAll(&answer, fresh, shape); err != nil {
			_ = c.Error(err)
			return
		}
		if there < n {
			break
		}
	}
	if err := answer.answer(c, gin.H{"meta": api.NewPageMeta(page, perPage, total)}); err != nil {
		_ = c.Error(err)
	}
}

// number reads the whole number at the start of text, 0 where there is none.
func number(text string, absent int) int {
	if text == "" {
		return absent
	}
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && text[0] == '-') {
		end++
	}
	n, _ := strconv.Atoi(text[:end])
	return n
}

// idAndName is a language as GET /languages lists it.
type idAndName struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

func (j *judge0) pool(c *gin.Context) (submission.Pool, bool) {
	pool, err := j.catalogue.Pool()
	if err != nil {
		_ = c.Error(err)
	}
	return pool, err == nil
}

func (j *judge0) languages(c *gin.Context) {
	pool, ok := j.pool(c)
	if !ok {
		return
	}
	list := []idAndName{}
	for _, language := range pool.Languages.Active() {
		list = append(list, idAndName{language.ID, language.Name})
	}
	c.JSON(http.StatusOK, list)
}

func (j *judge0) allLanguages(c *gin.Context) {
	pool, ok := j.pool(c)
	if !ok {
		return
	}
	type entry struct {
		idAndName
		IsArchived bool `json:"is_archived"`
	}
	list := []entry{}
	for _, language := range pool.Languages.All() {
		list = append(list, entry{idAndName{language.ID, language.Name}, language.IsArchived})
	}
	c.JSON(http.StatusOK, list)
}

// language answers for a language whose commands are known, and leaves others to the next handler.
func (j *judge0) language(c *gin.Context) {
	pool, ok := j.pool(c)
	if !ok {
		c.Abort()
		return
	}
	id, err := strconv.Atoi(c.Param("id"))
	language, known := pool.Languages.Get(id)
	if err != nil || !known {
		_ = c.Error(submission.Errorf(submission.NotFound, "there is no such language"))
		c.Abort()
		return
	}
	if language.RunCmd == "" {
		return
	}
	c.JSON(http.StatusOK, gin.H{
		"id": language.ID, "name": language.Name, "is_archived": language.IsArchived,
		"source_file": language.SourceFile, "compile_cmd": api.TextOrNil(language.CompileCmd), "run_cmd": language.RunCmd,
	})
	c.Abort()
}

func (j *judge0) statuses(c *gin.Context) { c.JSON(http.StatusOK, api.Statuses()) }

func (j *judge0) version(c *gin.Context) { c.String(http.StatusOK, api.Version) }

func (j *judge0) about(c *gin.Context) {
	const home = "https://github.com/sandgate/sandgate"
	c.JSON(http.StatusOK, gin.H{"version": api.Version, "homepage": home, "source_code": home, "maintainer": "The Sandgate authors"})
}
