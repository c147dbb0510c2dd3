package check

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

const (
	policyFor  = 10 * time.Second // a policy that another gateway has set holds after so long
	policyMost = 10_000
)

// Policies gives the policy of an account out of memory, asking now and then. Its methods may be called
// from any goroutine.
type Policies struct {
	load func(ctx context.Context, account string) (string, error)
	now  func() time.Time

	mu   sync.Mutex
	kept map[string]keptPolicy
}

type keptPolicy struct {
	text   string
	policy *Policy
	until  time.Time
}

// NewPolicies makes Policies; load gives the JSON of an account's policy, "" where it has none.
func NewPolicies(load func(ctx context.Context, account string) (string, error), now func() time.Time) *Policies {
	return &Policies{load: load, now: now, kept: map[string]keptPolicy{}}
}

// Policy gives the policy of an account. A user that an account acts for, account/user, has the
// account's unless there is one of the user's own.
func (p *Policies) Policy(ctx context.Context, account string) (*Policy, error) {
	now := p.now()
	p.mu.Lock()
	kept, ok := p.kept[account]
	p.mu.Unlock()
	if ok && now.Before(kept.until) {
		return kept.policy, nil
	}
	text, err := p.load(ctx, account)
	if actor, ok := submission.ActorOf(account); err == nil && text == "" && ok {
		text, err = p.load(ctx, actor)
	}
	if err != nil {
		return nil, err
	}
	policy := kept.policy
	if !ok || kept.text != text {
		if policy, err = ParsePolicy(text); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.kept) >= policyMost {
		clear(p.kept)
	}
	p.kept[account] = keptPolicy{text, policy, now.Add(policyFor)}
	return policy, nil
}

// Forget makes the next look at an account's policy ask again: it was changed here.
func (p *Policies) Forget(account string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.kept {
		if name == account || strings.HasPrefix(name, account+"/") {
			delete(p.kept, name)
		}
	}
}
