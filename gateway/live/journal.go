package live

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds of what is remembered of an account's events.
const (
	journalMost = 1024            // events
	journalKeep = 5 * time.Minute // after the last stream of the account has ended
)

// journals number the events of accounts that have streams, or had one a short while ago.
type journals struct {
	mu sync.RWMutex
	of map[string]*journal
}

// journal is what happened to an account's submissions last.
type journal struct {
	mu      sync.Mutex
	epoch   string // another one where numbers begin anew
	next    int64  // the number of the next event
	entries []entry
	streams map[*stream]struct{}
	quiet   time.Time // since when there is no stream
}

type entry struct {
	number int64
	at     time.Time
	token  string
	state  submission.State
}

// mark says up to where a stream was told. Its text is the id of an event.
type mark struct {
	epoch  string // "" : by time only
	number int64
	at     time.Time
}

func (m mark) String() string {
	return m.epoch + "-" + strconv.FormatInt(m.number, 10) + "-" + strconv.FormatInt(m.at.UnixMilli(), 10)
}

func parseMark(text string) (mark, error) {
	parts := strings.Split(text, "-")
	if len(parts) == 3 && len(parts[0]) <= 32 {
		number, badNumber := strconv.ParseInt(parts[1], 10, 64)
		millis, badTime := strconv.ParseInt(parts[2], 10, 64)
		if badNumber == nil && badTime == nil && number >= 0 && millis >= 0 {
			return mark{parts[0], number, time.UnixMilli(millis)}, nil
		}
	}
	return mark{}, fmt.Errorf("%.40q is no id of an event", text)
}

// join adds a stream. If the journal goes back to the mark, it gives all that came after it; else
// exact is false, and the store knows.
func (j *journals) join(account string, st *stream, from *mark, now time.Time) (missed []entry, exact bool, at mark) {
	j.mu.Lock()
	defer j.mu.Unlock()
	own := j.of[account]
	if own == nil {
		own = &journal{epoch: rand.Text()[:10], next: 1, streams: map[*stream]struct{}{}}
		j.of[account] = own
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	own.streams[st] = struct{}{}
	st.journal = own
	at = mark{own.epoch, own.next - 1, now}
	if from == nil {
		return nil, true, at
	}
	oldest := own.next - int64(len(own.entries))
	if from.epoch != own.epoch || from.number < oldest-1 || from.number >= own.next {
		return nil, false, at
	}
	return append(missed, own.entries[from.number-oldest+1:]...), true, at
}

func (j *journal) leave(st *stream, now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.streams, st)
	j.quiet = now
}

func (j *journals) publish(event submission.Event, now time.Time) {
	j.mu.RLock()
	own := j.of[event.Account]
	j.mu.RUnlock()
	if own == nil {
		return
	}
	own.mu.Lock()
	defer own.mu.Unlock()
	number := own.next
	own.next++
	if len(own.entries) >= journalMost {
		// Half of it at once, so that not every event moves all others.
		own.entries = append(own.entries[:0], own.entries[journalMost/2:]...)
	}
	own.entries = append(own.entries, entry{number, now, event.Token, event.State})
	for st := range own.streams {
		st.put(letter{kind: news, at: now, event: event, number: number})
	}
}

// missed begins all journals anew, and has streams ask the store.
func (j *journals) missed(now time.Time) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	for _, own := range j.of {
		own.mu.Lock()
		own.epoch, own.entries, own.next = rand.Text()[:10], nil, 1
		for st := range own.streams {
			st.put(letter{kind: gap, at: now, epoch: own.epoch})
		}
		own.mu.Unlock()
	}
}

// forget removes journals that nobody came back to.
func (j *journals) forget(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for account, own := range j.of {
		own.mu.Lock()
		if len(own.streams) == 0 && now.Sub(own.quiet) > journalKeep {
			delete(j.of, account)
		}
		own.mu.Unlock()
	}
}
