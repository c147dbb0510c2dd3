package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/store"
)

// defaultPerPage is the length of a page where a client names none; maxPerPage bounds what it may name.
const (
	defaultPerPage = 20
	maxPerPage     = 1000
)

func (s *Server) createSubmission(c *gin.Context) {
	params, ok := s.params(c)
	if !ok || s.inMaintenance(c) {
		return
	}
	wait := text(params, "wait") == "true"
	if wait && !s.o.Config.EnableWaitResult {
		s.refuse(c, http.StatusBadRequest, "wait not allowed")
		return
	}
	fields, err := api.ParseFields(text(params, "fields"))
	if err != nil {
		s.refuse(c, http.StatusBadRequest, err.Error())
		return
	}
	base64 := text(params, "base64_encoded") == "true"
	entry, faults := s.newSubmission(params, base64, c.GetHeader("Idempotency-Key"))
	if faults != nil {
		c.AbortWithStatusJSON(http.StatusUnprocessableEntity, faults)
		return
	}
	if !wait {
		tokens, err := s.accept(c.Request.Context(), []store.New{entry})
		if err != nil {
			s.fail(c, err)
			return
		}
		c.Set(createdToken, tokens[0])
		c.JSON(http.StatusCreated, tokenAnswer{tokens[0]})
		return
	}
	// A deadline that passes while it waits would end the request.
	connection := http.NewResponseController(c.Writer)
	_, _ = connection.SetReadDeadline(time.Time{}), connection.SetWriteDeadline(time.Time{})
	finished, err := s.acceptAndWait(c.Request.Context(), entry, fields)
	_ = connection.SetWriteDeadline(time.Now().Add(s.o.AnswerTime))
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Set(createdToken, finished.Token)
	body, err := s.render(finished, fields, base64)
	if errors.Is(err, api.ErrNotUTF8) {
		// It was created all the same, so the client gets to know its token.
		c.JSON(http.StatusCreated, gin.H{"token": finished.Token, "error": err.Error()})
		return
	}
	s.answer(c, http.StatusCreated, body, err)
}

type tokenAnswer struct {
	Token string `json:"token"`
}

func (s *Server) inMaintenance(c *gin.Context) bool {
	if !s.o.Config.MaintenanceMode {
		return false
	}
	s.refuse(c, http.StatusServiceUnavailable, orDefault(s.o.Config.MaintenanceMessage, "Judge0 is currently in maintenance."))
	return true
}

func (s *Server) newSubmission(params api.Params, base64 bool, keyHeader string) (store.New, api.Errors) {
	submission, faults := api.NewSubmission(params, base64, s.o.Config, s.languages())
	key, err := idempotencyKey(keyHeader, params)
	if err != nil {
		if faults == nil {
			faults = api.Errors{}
		}
		faults["idempotency_key"] = []string{err.Error()}
	}
	if len(faults) > 0 {
		return store.New{}, faults
	}
	now := s.o.Now().UTC()
	submission.Token, submission.CreatedAt, submission.QueuedAt, submission.UpdatedAt, submission.QueueHost = s.o.NewToken(), now, &now, &now, &s.o.Host
	return store.New{Submission: submission, IdempotencyKey: key}, nil
}

// accept stores and queues the submissions. Of one that was accepted before under the same
// idempotency key it gives the earlier token, and neither stores nor queues it; such are accepted
// even while the queue is full.
func (s *Server) accept(ctx context.Context, list []store.New) ([]string, error) {
	if err := s.o.Queue.Reserve(len(list)); err != nil {
		return s.acceptedBefore(ctx, list, err)
	}
	var items []queue.Item
	defer func() { s.o.Queue.Push(len(list), items...) }()
	tokens, err := s.o.Store.Create(ctx, list)
	if err != nil {
		return nil, err
	}
	items = make([]queue.Item, 0, len(list))
	for i, entry := range list {
		if tokens[i] == entry.Submission.Token {
			items = append(items, queue.ItemOf(entry.Submission, entry.Submission.CreatedAt))
		}
	}
	return tokens, nil
}

// acceptedBefore gives the tokens if all of list are known already, and full otherwise.
func (s *Server) acceptedBefore(ctx context.Context, list []store.New, full error) ([]string, error) {
	keys := make([]string, len(list))
	for i, entry := range list {
		if keys[i] = entry.IdempotencyKey; keys[i] == "" {
			return nil, full
		}
	}
	known, err := s.o.Store.Tokens(ctx, keys)
	if err != nil {
		return nil, err
	}
	tokens := make([]string, len(list))
	for i, key := range keys {
		token, ok := known[key]
		if !ok {
			return nil, full
		}
		tokens[i] = token
	}
	return tokens, nil
}

// acceptAndWait accepts a submission and gives it once it has finished, or as it stands when the
// server stops.
func (s *Server) acceptAndWait(ctx context.Context, entry store.New, fields api.Fields) (*api.Submission, error) {
	// Subscribed before it is queued: the result can't come too early.
	finished, leave, err := s.o.Results.Subscribe(entry.Submission.Token)
	if err != nil {
		return nil, err
	}
	defer func() { leave() }()
	tokens, err := s.accept(ctx, []store.New{entry})
	if err != nil {
		return nil, err
	}
	token := tokens[0]
	if token != entry.Submission.Token {
		// An earlier submission stands for it, which may have finished long ago.
		leave()
		if finished, leave, err = s.o.Results.Subscribe(token); err != nil {
			leave = func() {}
			return nil, err
		}
		earlier, err := s.get(ctx, token, fields)
		if err != nil || api.Finished(earlier.Status) {
			return earlier, err
		}
	}
	select {
	case submission := <-finished:
		return submission, nil
	case <-s.stopping.Done():
		return s.get(ctx, token, fields)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Server) createBatch(c *gin.Context) {
	params, ok := s.params(c)
	if !ok || s.inMaintenance(c) || !s.batchesAllowed(c) {
		return
	}
	given, isList := params["submissions"].([]any)
	if !isList && params["submissions"] != nil {
		s.refuse(c, http.StatusBadRequest, "submissions should be an array")
		return
	}
	if !s.batchSizeAllowed(c, len(given)) {
		return
	}
	base64 := text(params, "base64_encoded") == "true"
	answers := make([]any, len(given))
	var list []store.New
	var places []int // of list in answers
	for i, value := range given {
		attributes, _ := value.(map[string]any)
		entry, faults := s.newSubmission(attributes, base64, "")
		if faults != nil {
			answers[i] = faults
			continue
		}
		list, places = append(list, entry), append(places, i)
	}
	if len(list) == 0 {
		c.JSON(http.StatusUnprocessableEntity, answers)
		return
	}
	tokens, err := s.accept(c.Request.Context(), list)
	if err != nil {
		s.fail(c, err)
		return
	}
	for i, token := range tokens {
		answers[places[i]] = tokenAnswer{token}
	}
	c.JSON(http.StatusCreated, answers)
}

func (s *Server) batchesAllowed(c *gin.Context) bool {
	if !s.o.Config.EnableBatchedSubmissions {
		s.refuse(c, http.StatusBadRequest, "batched submissions are not allowed")
		return false
	}
	return true
}

func (s *Server) batchSizeAllowed(c *gin.Context, n int) bool {
	switch limit := s.o.Config.MaxSubmissionBatchSize; {
	case n > limit:
		s.refuse(c, http.StatusBadRequest, fmt.Sprintf("number of submissions in a batch should be less than or equal to %d", limit))
	case n == 0:
		s.refuse(c, http.StatusBadRequest, "there should be at least one submission in a batch")
	default:
		return true
	}
	return false
}

// fields reads the query parameter; on a fault it answers, and gives false.
func (s *Server) fields(c *gin.Context) (api.Fields, bool) {
	fields, err := api.ParseFields(c.Query("fields"))
	if err != nil {
		s.refuse(c, http.StatusBadRequest, err.Error())
		return nil, false
	}
	return fields, true
}

func (s *Server) getSubmission(c *gin.Context) {
	fields, ok := s.fields(c)
	if !ok {
		return
	}
	submission, err := s.get(c.Request.Context(), c.Param("token"), fields)
	if errors.Is(err, store.ErrNotFound) {
		c.AbortWithStatus(http.StatusNotFound)
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	body, err := s.render(submission, fields, c.Query("base64_encoded") == "true")
	s.answer(c, http.StatusOK, body, err)
}

func (s *Server) getBatch(c *gin.Context) {
	if !s.batchesAllowed(c) {
		return
	}
	fields, ok := s.fields(c)
	if !ok {
		return
	}
	tokens := api.SplitTokens(orDefault(c.GetHeader("tokens"), c.Query("tokens")))
	if !s.batchSizeAllowed(c, len(tokens)) {
		return
	}
	found, err := s.o.Store.Get(c.Request.Context(), tokens, showsProgram(fields))
	if err != nil {
		s.fail(c, err)
		return
	}
	list := make([]json.RawMessage, len(tokens))
	base64 := c.Query("base64_encoded") == "true"
	for i, token := range tokens {
		list[i] = json.RawMessage("null")
		if submission := found[token]; submission != nil {
			if list[i], err = s.render(submission, fields, base64); err != nil {
				s.fail(c, api.OfSeveral(err))
				return
			}
		}
	}
	c.JSON(http.StatusOK, gin.H{"submissions": list})
}

func (s *Server) listSubmissions(c *gin.Context) {
	fields, ok := s.fields(c)
	if !ok {
		return
	}
	page, ok := s.pageNumber(c, "page", 1, 1)
	if !ok {
		return
	}
	perPage, ok := s.pageNumber(c, "per_page", defaultPerPage, 0)
	if !ok {
		return
	}
	perPage = min(perPage, maxPerPage)
	list, err := s.o.Store.List(c.Request.Context(), page, perPage, showsProgram(fields))
	if errors.Is(err, store.ErrPageTooLarge) {
		s.refuse(c, http.StatusBadRequest, store.ErrPageTooLarge.Error())
		return
	}
	if err != nil {
		s.fail(c, err)
		return
	}
	shown := make([]json.RawMessage, len(list.Submissions))
	base64 := c.Query("base64_encoded") == "true"
	for i, submission := range list.Submissions {
		if shown[i], err = s.render(submission, fields, base64); err != nil {
			s.fail(c, api.OfSeveral(err))
			return
		}
	}
	c.JSON(http.StatusOK, gin.H{"submissions": shown, "meta": api.NewPageMeta(page, perPage, list.Total)})
}

// pageNumber reads a whole number as Ruby does. One that is beyond any page is refused.
func (s *Server) pageNumber(c *gin.Context, name string, fallback, least int) (int, bool) {
	given, there := c.GetQuery(name)
	if !there {
		return fallback, true
	}
	n := api.LeadingInt(given)
	if n < least || n == math.MaxInt32 {
		s.refuse(c, http.StatusBadRequest, fmt.Sprintf("invalid %s: %d", name, n))
		return 0, false
	}
	return n, true
}

func (s *Server) deleteSubmission(c *gin.Context) {
	if s.inMaintenance(c) {
		return
	}
	fields, ok := s.fields(c)
	if !ok {
		return
	}
	if !s.o.Config.EnableSubmissionDelete {
		s.refuse(c, http.StatusBadRequest, "delete not allowed")
		return
	}
	gone, err := s.o.Store.Delete(c.Request.Context(), c.Param("token"))
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.AbortWithStatus(http.StatusNotFound)
		return
	case errors.Is(err, store.ErrUnfinished):
		s.refuse(c, http.StatusBadRequest, fmt.Sprintf("submission cannot be deleted because its status is %d (%s)", gone.Status, api.StatusOf(gone.Status).Description))
		return
	case err != nil:
		s.fail(c, err)
		return
	}
	body, err := s.render(gone, fields, true)
	s.answer(c, http.StatusOK, body, err)
}

func (s *Server) get(ctx context.Context, token string, fields api.Fields) (*api.Submission, error) {
	found, err := s.o.Store.Get(ctx, []string{token}, showsProgram(fields))
	if err != nil {
		return nil, err
	}
	if found[token] == nil {
		return nil, store.ErrNotFound
	}
	return found[token], nil
}

// showsProgram tells whether fields show what the client sent, besides the language.
func showsProgram(fields api.Fields) bool {
	return slices.ContainsFunc(fields, func(name string) bool { return !slices.Contains(stateFields, name) })
}

var stateFields = []string{"token", "status", "status_id", "language", "language_id", "stdout", "stderr", "compile_output", "message", "exit_code", "exit_signal",
	"time", "wall_time", "memory", "created_at", "queued_at", "started_at", "finished_at", "updated_at", "queue_host", "execution_host"}

func (s *Server) render(submission *api.Submission, fields api.Fields, base64 bool) (json.RawMessage, error) {
	language, _ := s.languages().Get(submission.LanguageID)
	return submission.Render(fields, base64, language)
}

const jsonType = "application/json; charset=utf-8"

func (s *Server) answer(c *gin.Context, status int, body json.RawMessage, err error) {
	if err != nil {
		s.fail(c, err)
		return
	}
	c.Data(status, jsonType, body)
}
