package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

// Memory keeps the last known catalogue over a restart, so that submissions are taken in while the
// pool is away.
type Memory struct {
	Load func(context.Context) ([]byte, error) // nil: nothing is known
	Save func(context.Context, []byte) error
}

// Catalogue knows the pool's languages and settings, and asks anew in the background.
type Catalogue struct {
	client *Client
	memory Memory
	log    *slog.Logger

	pool    atomic.Pointer[submission.Pool]
	workers atomic.Int64
	reached atomic.Pointer[error] // the outcome of the last refresh, and what the pool says of itself; nil: there was none yet

	mu      sync.Mutex // one refresh at a time
	details map[int]api.Language
	saved   string
}

// NewCatalogue makes an empty catalogue: see Recall and Refresh.
func NewCatalogue(client *Client, memory Memory, log *slog.Logger) *Catalogue {
	return &Catalogue{client: client, memory: memory, log: log, details: map[int]api.Language{}}
}

// Pool gives what is known.
func (c *Catalogue) Pool() (submission.Pool, error) {
	if pool := c.pool.Load(); pool != nil {
		return *pool, nil
	}
	if reached := c.reached.Load(); reached != nil && *reached != nil {
		return submission.Pool{}, *reached
	}
	return submission.Pool{}, fmt.Errorf("%w: it was not asked yet", submission.ErrPoolDown)
}

// Ready tells why nothing can be run now: the last refresh failed, or saw no worker, or the pool itself says
// that it can't.
func (c *Catalogue) Ready() error {
	reached := c.reached.Load()
	switch {
	case reached == nil:
		return fmt.Errorf("%w: it was not asked yet", submission.ErrPoolDown)
	case *reached != nil:
		return *reached
	case c.workers.Load() == 0:
		return fmt.Errorf("%w: it has no worker", submission.ErrPoolDown)
	}
	return nil
}

// remembered is the form of a catalogue in Memory.
type remembered struct {
	Languages []api.Language
	Config    api.Config
}

// Recall takes the catalogue of an earlier run, until the pool is reached.
func (c *Catalogue) Recall(ctx context.Context) error {
	if c.memory.Load == nil {
		return nil
	}
	text, err := c.memory.Load(ctx)
	if err != nil || len(text) == 0 {
		return err
	}
	known := remembered{Config: api.DefaultConfig()}
	if err := json.Unmarshal(text, &known); err != nil {
		return fmt.Errorf("read the stored catalogue: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, language := range known.Languages {
		if language.RunCmd != "" {
			c.details[language.ID] = language
		}
	}
	c.saved = string(text)
	c.pool.Store(&submission.Pool{Languages: api.NewLanguages(known.Languages), Config: known.Config})
	return nil
}

// Refresh asks the pool.
func (c *Catalogue) Refresh(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.refresh(ctx)
	if err == nil {
		err = c.client.Ready(ctx)
	}
	c.reached.Store(&err)
	return err
}

func (c *Catalogue) refresh(ctx context.Context) error {
	languages, err := c.client.Languages(ctx)
	if err != nil {
		return err
	}
	config, err := c.client.ConfigInfo(ctx)
	if err != nil {
		return err
	}
	workers, idle, err := c.client.Workers(ctx)
	if err != nil {
		return err
	}
	if err := c.detail(ctx, languages); err != nil {
		return err
	}
	c.workers.Store(int64(workers))
	c.pool.Store(&submission.Pool{Languages: api.NewLanguages(languages), Config: config, Workers: workers, Idle: idle})
	if c.memory.Save == nil {
		return nil
	}
	text, err := json.Marshal(remembered{languages, config})
	if err != nil || string(text) == c.saved {
		return err
	}
	if err := c.memory.Save(ctx, text); err != nil {
		// The pool was reached all the same.
		c.log.Warn("the catalogue was not stored", "error", err)
		return nil
	}
	c.saved = string(text)
	return nil
}

// detail fills in the commands of active languages. Judge0 tells them one language at a time, so
// they are asked for once, and again where the name has changed.
func (c *Catalogue) detail(ctx context.Context, languages []api.Language) error {
	const atOnce = 4
	var wg sync.WaitGroup
	places := make(chan struct{}, atOnce)
	failed := make(chan error, 1)
	for i := range languages {
		language := &languages[i]
		if language.IsArchived || language.RunCmd != "" {
			continue
		}
		if known, ok := c.details[language.ID]; ok && known.Name == language.Name {
			*language = known
			continue
		}
		places <- struct{}{}
		wg.Go(func() {
			defer func() { <-places }()
			full, err := c.client.Language(ctx, language.ID)
			if err != nil {
				select {
				case failed <- err:
				default:
				}
				return
			}
			full.ID, full.Name, full.IsArchived = language.ID, language.Name, language.IsArchived
			*language = full
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	for _, language := range languages {
		if !language.IsArchived {
			c.details[language.ID] = language
		}
	}
	return nil
}

// Keep refreshes the catalogue until ctx ends: every interval, and more often while the pool is
// away.
func (c *Catalogue) Keep(ctx context.Context, interval time.Duration) {
	for {
		_ = c.Refresh(ctx) // Ready tells
		pause := interval
		if c.Ready() != nil {
			pause = min(interval, 250*time.Millisecond)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

var _ submission.Catalogue = (*Catalogue)(nil)
