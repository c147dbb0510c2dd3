package submission

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/requestid"
	"github.com/sandgate/sandgate/judge0/api"
)

// Service is what clients may do with submissions. Its methods may be called from any goroutine.
type Service struct {
	Options
}

// Options are the parts of a Service; all are needed.
type Options struct {
	Store      Store
	Catalogue  Catalogue
	Dispatcher Dispatcher
	Quotas     Quotas
	Bus        Bus
	Now        func() time.Time
	NewToken   func() string // unique, and not to be guessed
	WaitLimit  time.Duration // the longest that a client may wait for a result
}

// NewService makes a Service of its parts.
func NewService(options Options) *Service { return &Service{options} }

// Request asks for one submission: attributes as they came, and whether texts in them are Base64.
type Request struct {
	Params api.Params
	Base64 bool
}

// Created is the outcome for one request of a batch: a submission or what is wrong with it.
type Created struct {
	Submission *Submission
	Errors     api.Errors
}

// Create takes one submission in.
func (s *Service) Create(ctx context.Context, account string, request Request) (*Submission, error) {
	sub, err := s.prepare(account, request)
	if err != nil {
		return nil, err
	}
	return sub, s.takeIn(ctx, sub)
}

// Run takes one submission in and waits until it has ended. It gives the submission as it is when
// WaitLimit has passed or ctx ends first.
func (s *Service) Run(ctx context.Context, account string, request Request) (*Submission, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	if !pool.Config.EnableWaitResult {
		return nil, Errorf(Malformed, "wait not allowed")
	}
	sub, err := s.prepare(account, request)
	if err != nil {
		return nil, err
	}
	sub.Wait = true
	listener := s.Bus.Subscribe(sub.Token)
	defer listener.Close()
	if err := s.takeIn(ctx, sub); err != nil {
		return nil, err
	}
	return s.wait(ctx, sub, listener)
}

// CreateMany takes in what is valid of a batch, and tells for each request how it went.
func (s *Service) CreateMany(ctx context.Context, account string, requests []Request) ([]Created, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	switch most := pool.Config.MaxSubmissionBatchSize; {
	case !pool.Config.EnableBatchedSubmissions:
		return nil, Errorf(Malformed, "batched submissions are not allowed")
	case len(requests) == 0:
		return nil, errEmptyBatch
	case len(requests) > most:
		return nil, errBatchTooLong(most)
	}
	created := make([]Created, len(requests))
	var valid []*Submission
	for i, request := range requests {
		sub, err := s.prepare(account, request)
		var fault *Error
		switch {
		case err == nil:
			sub.Batch = len(requests) > 1
			created[i].Submission = sub
			valid = append(valid, sub)
		case errors.As(err, &fault) && fault.Code == Invalid:
			created[i].Errors = fault.Fields
		default:
			return nil, err
		}
	}
	if len(valid) == 0 {
		return created, nil
	}
	return created, s.takeIn(ctx, valid...)
}

var errEmptyBatch = Errorf(Malformed, "there should be at least one submission in a batch")

func errBatchTooLong(most int) error {
	return Errorf(Malformed, "number of submissions in a batch should be less than or equal to %d", most)
}

func (s *Service) pool() (Pool, error) {
	pool, err := s.Catalogue.Pool()
	if err != nil {
		return pool, &Error{Code: Unavailable, Message: "no engine has been reached yet", RetryAfter: 5 * time.Second, Err: err}
	}
	if pool.Config.MaintenanceMode {
		return pool, &Error{Code: Unavailable, Message: "Judge0 is currently in maintenance.", RetryAfter: time.Minute}
	}
	return pool, nil
}

// prepare checks a request by the pool's rules and makes the submission that is to be stored.
func (s *Service) prepare(account string, request Request) (*Submission, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	checked, faults := api.NewSubmission(request.Params, request.Base64, pool.Config, pool.Languages)
	if faults != nil {
		return nil, &Error{Code: Invalid, Message: "the submission is not valid", Fields: faults}
	}
	now := moment(s.Now())
	sub := &Submission{Submission: *checked, Account: account, State: Queued}
	sub.Token, sub.CreatedAt, sub.QueuedAt = s.NewToken(), now, &now
	return sub, nil
}

func (s *Service) takeIn(ctx context.Context, subs ...*Submission) error {
	giveBack, err := s.Quotas.Admit(ctx, subs[0].Account, len(subs))
	if err != nil {
		return err
	}
	if err := s.Dispatcher.Reserve(len(subs)); err != nil {
		giveBack()
		return err
	}
	for _, sub := range subs {
		sub.RequestID = requestid.Of(ctx)
	}
	if err := s.Store.Insert(ctx, subs...); err != nil {
		s.Dispatcher.Release(len(subs))
		giveBack()
		return fmt.Errorf("store submissions: %w", err)
	}
	s.Dispatcher.Dispatch(subs...)
	return nil
}

// Wait waits as Run does, for a submission that was made before.
func (s *Service) Wait(ctx context.Context, account, token string) (*Submission, error) {
	listener := s.Bus.Subscribe(token)
	defer listener.Close()
	sub, err := s.Store.Get(ctx, account, token, Whole)
	if err != nil {
		return nil, err
	}
	return s.wait(ctx, sub, listener)
}

func (s *Service) wait(ctx context.Context, sub *Submission, listener Subscription) (*Submission, error) {
	limit := time.NewTimer(s.WaitLimit)
	defer limit.Stop()
	for sub.State != Finished {
		select {
		case event, open := <-listener.Events():
			switch {
			case open && event.Submission != nil:
				sub = event.Submission
				continue
			case open && event.State != Finished && event.State != Unknown:
				continue
			}
			// It ended elsewhere, or something was missed.
			now, err := s.Store.Get(context.WithoutCancel(ctx), sub.Account, sub.Token, Whole)
			if err != nil || !open {
				return now, err
			}
			sub = now
		case <-limit.C:
			return sub, nil
		case <-ctx.Done():
			return sub, nil
		}
	}
	return sub, nil
}

// Get gives one submission.
func (s *Service) Get(ctx context.Context, account, token string, what Part) (*Submission, error) {
	return s.Store.Get(ctx, account, token, what)
}

// GetMany gives submissions in the order of tokens, nil where there is none.
func (s *Service) GetMany(ctx context.Context, account string, tokens []string, what Part) ([]*Submission, error) {
	most := api.DefaultConfig().MaxSubmissionBatchSize
	if pool, err := s.Catalogue.Pool(); err == nil {
		most = pool.Config.MaxSubmissionBatchSize
	}
	switch {
	case len(tokens) == 0:
		return nil, errEmptyBatch
	case len(tokens) > most:
		return nil, errBatchTooLong(most)
	}
	found, err := s.Store.GetMany(ctx, account, tokens, what)
	if err != nil {
		return nil, err
	}
	subs := make([]*Submission, len(tokens))
	for i, token := range tokens {
		subs[i] = found[token]
	}
	return subs, nil
}

// List gives up to limit of the account's submissions, newest first, after the first offset of them,
// and the number of all.
func (s *Service) List(ctx context.Context, account string, offset, limit int, what Part) ([]*Submission, int, error) {
	return s.Store.List(ctx, account, offset, limit, what)
}

// The bounds of Changed.
const (
	changedMost = 1000           // submissions that are looked at
	changedPage = 100            // at once
	changedBack = 24 * time.Hour // how long before the time asked for a submission may have come in
)

// Changed gives the outcomes of an account's submissions that changed at or after a time, or have not
// ended, newest first. all is false where there may be more: only the latest are looked at.
func (s *Service) Changed(ctx context.Context, account string, since time.Time) (changed []*Submission, all bool, err error) {
	for looked := 0; looked < changedMost; looked += changedPage {
		page, _, err := s.Store.List(ctx, account, looked, changedPage, Outcome)
		if err != nil {
			return nil, false, err
		}
		for _, sub := range page {
			if sub.CreatedAt.Before(since.Add(-changedBack)) {
				return changed, true, nil
			}
			if sub.State != Finished || sub.UpdatedAt == nil || !sub.UpdatedAt.Before(since) {
				changed = append(changed, sub)
			}
		}
		if len(page) < changedPage {
			return changed, true, nil
		}
	}
	return changed, false, nil
}

// Delete removes a submission that has ended, and gives it for the last time.
func (s *Service) Delete(ctx context.Context, account, token string) (*Submission, error) {
	sub, deleted, err := s.Store.Delete(ctx, account, token)
	if err == nil && !deleted {
		err = Errorf(Conflict, "submission cannot be deleted because its status is %d (%s)", sub.Status, api.StatusOf(sub.Status).Description)
	}
	return sub, err
}
