package sqlite

import (
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of what is remembered of ended submissions, in bytes.
const (
	endedBytes = 16 << 20
	endedLarge = 256 << 10 // what is larger than that is read from the file each time
)

// ended remembers the outcomes of submissions that have ended, which never change any more: clients ask
// for most of them once or twice, soon. Only the process that has the file may do so, as it alone
// removes submissions: whoever does calls forget once they are gone, before anybody is told.
//
// What is looked up moves to the young half; when that is full, the old half is forgotten.
type ended struct {
	mu         sync.Mutex
	removals   uint64
	young, old map[string]*submission.Submission
	bytes      int // of young
}

// get gives a submission that nobody may change; nil: it is not remembered.
func (e *ended) get(token string) *submission.Submission {
	e.mu.Lock()
	defer e.mu.Unlock()
	if sub := e.young[token]; sub != nil {
		return sub
	}
	sub := e.old[token]
	if sub != nil {
		e.add(sub)
	}
	return sub
}

// before is to be asked before the read or write whose outcome put is to remember.
func (e *ended) before() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.removals
}

// put remembers the outcome of a submission, unless it has not ended, or some were removed since: it may be one
// of them.
func (e *ended) put(sub *submission.Submission, before uint64) {
	if sub.State != submission.Finished || size(sub) > endedLarge {
		return
	}
	sub = outcome(sub)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.removals == before {
		e.add(sub)
	}
}

func (e *ended) add(sub *submission.Submission) {
	if e.young == nil || e.bytes > endedBytes/2 {
		e.old, e.young, e.bytes = e.young, map[string]*submission.Submission{}, 0
	}
	if e.young[sub.Token] == nil {
		e.bytes += size(sub)
	}
	e.young[sub.Token] = sub
}

// forget forgets those that were removed; without tokens, all.
func (e *ended) forget(removed ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.removals++
	if len(removed) == 0 {
		e.young, e.old, e.bytes = nil, nil, 0
	}
	for _, token := range removed {
		if sub := e.young[token]; sub != nil {
			e.bytes -= size(sub)
		}
		delete(e.young, token)
		delete(e.old, token)
	}
}

// size is about how many bytes an outcome takes.
func size(sub *submission.Submission) int {
	n := 1024
	for _, text := range []*string{sub.Stdout, sub.Stderr, sub.CompileOutput, sub.Message, sub.CompilerOptions, sub.CommandLineArguments, sub.CallbackURL} {
		if text != nil {
			n += len(*text)
		}
	}
	return n
}

// outcome gives a submission as it would be read without its program.
func outcome(sub *submission.Submission) *submission.Submission {
	c := *sub
	c.SourceCode, c.Stdin, c.ExpectedOutput, c.AdditionalFiles = nil, nil, nil, nil
	c.Wait, c.Repeated, c.RequestID, c.Batch = false, false, "", false
	c.CreatedAt = stored(c.CreatedAt)
	for _, at := range []**time.Time{&c.QueuedAt, &c.StartedAt, &c.FinishedAt, &c.UpdatedAt} {
		if *at != nil {
			t := stored(**at)
			*at = &t
		}
	}
	return &c
}

// stored gives a time as micros and instant keep it.
func stored(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }
