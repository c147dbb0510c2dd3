package dispatch

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// CallbackPath is where callbacks come in: below it are the token and its HMAC.
const CallbackPath = "/internal/callbacks"

// callbackURL is the address that the engine calls. Its query asks our engine for all fields, and
// for news of the start unless a client waits for the result anyway; of a batch, of runs only that take
// long enough for somebody to ask. Stock Judge0 ignores all of this.
func (d *Dispatcher) callbackURL(sub *submission.Submission) string {
	url := d.CallbackBase + CallbackPath + "/" + sub.Token + "/" + d.mac(sub.Token) + "?judge0_fields=*"
	if !sub.Wait {
		url += "&judge0_events=started"
	}
	if sub.Batch {
		url += "&judge0_started_after=100"
	}
	return url
}

func (d *Dispatcher) mac(token string) string {
	h := hmac.New(sha256.New, d.Key)
	h.Write([]byte(token))
	return hex.EncodeToString(h.Sum(nil))
}

// Verify tells whether mac is the one of token. Who reads a callback's body asks this first.
func (d *Dispatcher) Verify(token, mac string) bool {
	if hmac.Equal([]byte(mac), []byte(d.mac(token))) {
		return true
	}
	d.Observer.Callback("forged")
	return false
}

// Callback takes in what the engine says of a submission; the caller has verified the address.
// Without error, what it said is recorded durably, or was known before.
func (d *Dispatcher) Callback(ctx context.Context, token string, body []byte) error {
	outcome, err := d.callback(ctx, token, body)
	if errors.Is(err, submission.ErrNotFound) {
		outcome = "unknown"
	}
	d.Observer.Callback(outcome)
	return err
}

func (d *Dispatcher) callback(ctx context.Context, token string, body []byte) (outcome string, err error) {
	answer, err := api.ParseAnswer(body)
	if err != nil {
		return "failed", &submission.Error{Code: submission.Malformed, Message: "the callback can't be read", Err: err}
	}
	sub, err := d.find(ctx, token)
	if err != nil {
		return "failed", err
	}
	switch {
	case sub == nil:
		return "", submission.ErrNotFound
	case sub.State == submission.Finished:
		return "duplicate", nil
	case answer.Status < api.Processing:
		return "started", nil
	case answer.Status == api.Processing:
		if err := d.begin(ctx, sub, answer); err != nil {
			return "failed", fmt.Errorf("record the start of %s: %w", token, err)
		}
		return "started", nil
	}
	if !answer.Complete {
		if answer, err = d.complete(ctx, token, answer); err != nil {
			return "failed", err
		}
	}
	first, err := d.finish(ctx, sub.Ended(answer, d.Now()))
	switch {
	case err != nil:
		return "failed", fmt.Errorf("record the result of %s: %w", token, err)
	case !first:
		return "duplicate", nil
	}
	return "finished", nil
}

// The pauses after which a submission is looked for again that the store does not have: the gateway that sends it
// ahead may be storing it still. Its address is genuine.
const (
	lookAgainFirst = 20 * time.Millisecond
	lookAgainMost  = 320 * time.Millisecond
)

// find gives a submission by token; nil if there is none.
func (d *Dispatcher) find(ctx context.Context, token string) (*submission.Submission, error) {
	d.mu.Lock()
	var sub *submission.Submission
	if e := d.entries[token]; e != nil {
		sub = e.sub
	}
	d.mu.Unlock()
	if sub != nil {
		return sub, nil
	}
	for pause := lookAgainFirst; ; pause *= 2 {
		found, err := d.Store.Load(ctx, token)
		if err != nil || found[token] != nil || pause > lookAgainMost {
			return found[token], err
		}
		time.Sleep(pause)
	}
}

// complete asks the pool for what a callback of stock Judge0 leaves out. If the pool can't be
// asked, the reconciler will: the callback is refused.
func (d *Dispatcher) complete(ctx context.Context, token string, answer api.Answer) (api.Answer, error) {
	if answer.Token == "" {
		return answer, nil
	}
	ctx, cancel := context.WithTimeout(ctx, d.CallTimeout)
	defer cancel()
	results, err := d.Engine.Results(ctx, []string{answer.Token})
	if err != nil {
		d.mu.Lock()
		if e := d.entries[token]; e != nil {
			e.engineToken, e.due = answer.Token, d.Now()
		}
		d.mu.Unlock()
		return answer, &submission.Error{Code: submission.Unavailable, Message: "the rest of the result can't be fetched", Err: err}
	}
	if full := results[0]; full != nil && api.Finished(full.Status) {
		return *full, nil
	}
	return answer, nil
}
