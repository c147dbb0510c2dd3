package memory

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/judge0/api"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/queuetest"
)

func TestQueue(t *testing.T) {
	t.Parallel()
	queuetest.Run(t, func(_ *testing.T, limit int) queuetest.Queue { return NewQueue(limit) })
}

func TestItemOfLeavesLargeOnesInTheStore(t *testing.T) {
	t.Parallel()
	small, large := "x", strings.Repeat("x", carryLimit+1)
	if queue.ItemOf(&api.Submission{SourceCode: &small}, time.Time{}).Submission == nil {
		t.Error("a small submission is read again")
	}
	if queue.ItemOf(&api.Submission{Stdin: &large}, time.Time{}).Submission != nil {
		t.Error("a large submission is held in memory")
	}
}

const carryLimit = 256 << 10

func TestHub(t *testing.T) {
	t.Parallel()
	h := NewHub(3)
	a1, leaveA1, err := h.Subscribe("a")
	if err != nil {
		t.Fatal(err)
	}
	a2, leaveA2, _ := h.Subscribe("a")
	b, leaveB, _ := h.Subscribe("b")
	if _, _, err := h.Subscribe("c"); !errors.Is(err, queue.ErrTooManySubscribers) {
		t.Errorf("got %v", err)
	}
	leaveA2()
	leaveA2()
	h.Announce(&api.Submission{Token: "a"})
	h.Announce(&api.Submission{Token: "a"})
	if s := <-a1; s.Token != "a" {
		t.Errorf("got %v", s)
	}
	select {
	case <-a2:
		t.Error("one who left was told")
	case <-b:
		t.Error("one was told of another's submission")
	default:
	}
	leaveA1()
	leaveB()
	if h.Len() != 0 {
		t.Errorf("%d subscriptions are left", h.Len())
	}
}
