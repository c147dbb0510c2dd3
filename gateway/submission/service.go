package submission

import (
	"context"
	"crypto/sha256"
	"encoding/json"
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

// Options are the parts of a Service; all are needed where nothing else is said.
type Options struct {
	Store      Store
	Records    Records
	Catalogue  Catalogue
	Dispatcher Dispatcher
	Quotas     Quotas
	Bus        Bus
	Now        func() time.Time
	NewToken   func() string // unique, and not to be guessed
	WaitLimit  time.Duration // the longest that a client may wait for a result
	// LookEvery is how often who waits looks into the store, as a bus between gateways may lose an event; 0: 5 s.
	LookEvery time.Duration
	// Review tells what an account's policy has against a valid program; nil: programs are not looked at.
	Review func(ctx context.Context, account string, program *api.Submission, language api.Language) (api.Errors, error)
}

// NewService makes a Service of its parts.
func NewService(options Options) *Service {
	if options.LookEvery == 0 {
		options.LookEvery = 5 * time.Second
	}
	return &Service{options}
}

// Request asks for one submission: attributes as they came, and whether texts in them are Base64.
type Request struct {
	Params api.Params
	Base64 bool
	// Key is the client's idempotency key, or "". Within a day, the same request under the same key
	// gives the submission that the first has made; another request under it is an error.
	Key string
}

// onceFor is how long an idempotency key stands for its first request.
const onceFor = 24 * time.Hour

// maxKey bounds an idempotency key, in characters.
const maxKey = 255

// Created is the outcome for one request of a batch: a submission or what is wrong with it.
type Created struct {
	Submission *Submission
	Errors     api.Errors
}

// Create takes one submission in.
func (s *Service) Create(ctx context.Context, account string, request Request) (*Submission, error) {
	sub, err := s.prepare(ctx, account, request)
	if err != nil {
		return nil, err
	}
	once, err := s.once(account, request.Key, sub)
	if err != nil {
		return nil, err
	}
	before, err := s.takeIn(ctx, once, sub)
	switch {
	case err != nil:
		return nil, err
	case before != nil:
		return &Submission{Submission: api.Submission{Token: before.Tokens[0]}, Account: account, Repeated: true}, nil
	}
	return sub, nil
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
	sub, err := s.prepare(ctx, account, request)
	if err != nil {
		return nil, err
	}
	once, err := s.once(account, request.Key, sub)
	if err != nil {
		return nil, err
	}
	sub.Wait = true
	listener := s.Bus.Subscribe(sub.Token)
	defer listener.Close()
	before, err := s.takeIn(ctx, once, sub)
	switch {
	case err != nil:
		return nil, err
	case before != nil:
		first, err := s.Wait(ctx, account, before.Tokens[0])
		if err != nil {
			return nil, err
		}
		again := *first
		again.Repeated = true
		return &again, nil
	}
	return s.wait(ctx, sub, listener)
}

// CreateMany takes in what is valid of a batch, and tells for each request how it went. The idempotency
// key, or "", is that of the batch.
func (s *Service) CreateMany(ctx context.Context, account string, requests []Request, key string) ([]Created, error) {
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
		sub, err := s.prepare(ctx, account, request)
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
	once, err := s.once(account, key, valid...)
	if err != nil {
		return nil, err
	}
	before, err := s.takeIn(ctx, once, valid...)
	if err != nil {
		return nil, err
	}
	if before != nil {
		// The request is the same, and with it what of it is valid.
		for i, sub := range valid {
			sub.Token, sub.Repeated = before.Tokens[i], true
		}
	}
	return created, nil
}

// once makes what an idempotency key is to stand for; nil without a key.
func (s *Service) once(account, key string, subs ...*Submission) (*Once, error) {
	if key == "" {
		return nil, nil
	}
	if len(key) > maxKey {
		return nil, Errorf(Malformed, "the Idempotency-Key is longer than %d characters", maxKey)
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return nil, Errorf(Malformed, "the Idempotency-Key has other than printable ASCII characters")
		}
	}
	once := &Once{Account: account, Key: key, At: s.Now()}
	var asked []json.RawMessage
	for _, sub := range subs {
		once.Tokens = append(once.Tokens, sub.Token)
		// Without what is new in each: token and times.
		request := sub.Submission
		request.Token, request.CreatedAt, request.QueuedAt = "", time.Time{}, nil
		text, err := request.Render(allFields, true, api.Language{})
		if err != nil {
			return nil, fmt.Errorf("write down a request: %w", err)
		}
		asked = append(asked, text)
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return nil, fmt.Errorf("write down a request: %w", err)
	}
	once.Request = sha256.Sum256(text)
	return once, nil
}

var allFields, _ = api.ParseFields("*")

// errOtherRequest is given for an idempotency key that stands for another request.
var errOtherRequest = Errorf(Invalid, "this Idempotency-Key was used for another request")

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
func (s *Service) prepare(ctx context.Context, account string, request Request) (*Submission, error) {
	pool, err := s.pool()
	if err != nil {
		return nil, err
	}
	checked, faults := api.NewSubmission(request.Params, request.Base64, pool.Config, pool.Languages)
	if faults != nil {
		return nil, &Error{Code: Invalid, Message: "the submission is not valid", Fields: faults}
	}
	if s.Review != nil {
		language, _ := pool.Languages.Get(checked.LanguageID)
		faults, err := s.Review(ctx, account, checked, language)
		if err != nil {
			return nil, fmt.Errorf("look at the policy: %w", err)
		}
		if faults != nil {
			return nil, &Error{Code: Invalid, Message: "the program is against the policy of its account", Fields: faults}
		}
	}
	now := moment(s.Now())
	sub := &Submission{Submission: *checked, Account: account, State: Queued, Owner: s.Dispatcher.Owner()}
	sub.Token, sub.CreatedAt, sub.QueuedAt = s.NewToken(), now, &now
	return sub, nil
}

// takeIn stores subs and has them dispatched. With once, it gives what the key stands for already, if
// it does: then subs are not stored.
func (s *Service) takeIn(ctx context.Context, once *Once, subs ...*Submission) (before *Once, err error) {
	account := subs[0].Account
	giveBack, err := s.Quotas.Admit(ctx, account, len(subs))
	if err == nil {
		if err = s.Dispatcher.Reserve(account, len(subs)); err != nil {
			giveBack()
		}
	}
	if err != nil {
		return s.takenBefore(ctx, once, err)
	}
	for _, sub := range subs {
		sub.RequestID = requestid.Of(ctx)
	}
	// A client waits for the result of a single one: every moment counts. What may be a repeat must not run.
	takeOver, letGo := func() { s.Dispatcher.Dispatch(subs...) }, func() { s.Dispatcher.Release(account, len(subs)) }
	if subs[0].Wait && once == nil {
		if stored := s.Dispatcher.Ahead(subs[0]); stored != nil {
			takeOver, letGo = func() { stored(true) }, func() { stored(false) }
		}
	}
	if once == nil {
		err = s.Store.Insert(ctx, subs...)
	} else {
		before, err = s.Records.InsertOnce(ctx, *once, once.At.Add(-onceFor), subs...)
	}
	if err != nil || before != nil {
		letGo()
		giveBack()
	} else {
		takeOver()
	}
	var fault *Error
	switch {
	case errors.As(err, &fault):
		return nil, err // the store says itself what is wrong with them
	case err != nil:
		return nil, &Error{Code: Unavailable, Message: "submissions can't be stored now", RetryAfter: 2 * time.Second, Err: fmt.Errorf("store submissions: %w", err)}
	case before == nil:
		return nil, nil
	}
	return sameRequest(before, once)
}

// takenBefore gives what once stands for already, where nothing new is taken in: a repeat takes no room.
func (s *Service) takenBefore(ctx context.Context, once *Once, refusal error) (*Once, error) {
	if once == nil {
		return nil, refusal
	}
	before, err := s.Records.Once(ctx, once.Account, once.Key, once.At.Add(-onceFor))
	if err != nil || before == nil {
		return nil, refusal
	}
	return sameRequest(before, once)
}

// sameRequest gives before, if its request is that of once.
func sameRequest(before, once *Once) (*Once, error) {
	if before.Request != once.Request || len(before.Tokens) != len(once.Tokens) {
		return nil, errOtherRequest
	}
	return before, nil
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
	limit, look := time.NewTimer(s.WaitLimit), time.NewTicker(s.LookEvery)
	defer limit.Stop()
	defer look.Stop()
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
		case <-look.C:
			if now, err := s.Store.Get(ctx, sub.Account, sub.Token, Whole); err == nil {
				sub = now
			}
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
