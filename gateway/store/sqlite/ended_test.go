package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// run stores a submission with a result, and gives it as the dispatcher has it.
func run(t *testing.T, s *Store, token, account string) *submission.Submission {
	t.Helper()
	text, plain, number, real, now := "text \xff", "text", 7, 0.25, time.Date(2026, 1, 2, 3, 4, 5, 678_901_234, time.FixedZone("", 3600))
	sub := &submission.Submission{Account: account, Owner: "standalone", Wait: true, RequestID: "r", Batch: true}
	sub.Token, sub.LanguageID, sub.CreatedAt, sub.QueuedAt = token, 71, now, &now
	sub.SourceCode, sub.Stdin, sub.ExpectedOutput, sub.AdditionalFiles = &text, &text, &text, &text
	sub.CompilerOptions, sub.CallbackURL, sub.CPUTimeLimit, sub.NumberOfRuns = &plain, &plain, 1.5, 3
	if err := s.Insert(t.Context(), sub); err != nil {
		t.Fatal(err)
	}
	sub = sub.Ended(api.Answer{Token: "e", StartedAt: &now, FinishedAt: &now, ExecutionHost: &plain, Result: api.Result{
		Status: 3, Stdout: &text, Stderr: &text, ExitCode: &number, Time: &real, Memory: &number,
	}}, now)
	if first, err := s.Finish(t.Context(), sub); !first || err != nil {
		t.Fatal(first, err)
	}
	return sub
}

// What is remembered is what is stored, to the last attribute.
func TestAnEndedSubmissionIsTheSameFromMemory(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.db")
	s := open(t, path)
	run(t, s, "a", "me")
	if s.ended.get("a") == nil {
		t.Fatal("it is not remembered")
	}
	remembered, err := s.Get(t.Context(), "me", "a", submission.Outcome)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "other", "a", submission.Outcome); !errors.Is(err, submission.ErrNotFound) {
		t.Errorf("another account gets %v", err)
	}
	if many, err := s.GetMany(t.Context(), "other", []string{"a", "b"}, submission.Outcome); len(many) != 0 || err != nil {
		t.Errorf("another account gets %v, %v", many, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	for _, from := range []string{"the file", "memory"} {
		read, err := s.Get(t.Context(), "me", "a", submission.Outcome)
		if err != nil || !reflect.DeepEqual(read, remembered) {
			t.Errorf("from %s: %+v, %v, not %+v", from, read, err, remembered)
		}
		many, err := s.GetMany(t.Context(), "me", []string{"a", "b"}, submission.Outcome)
		if err != nil || len(many) != 1 || !reflect.DeepEqual(many["a"], remembered) {
			t.Errorf("from %s: %+v, %v", from, many, err)
		}
	}
	if whole, err := s.Get(t.Context(), "me", "a", submission.Whole); err != nil || whole.SourceCode == nil {
		t.Errorf("with its program: %+v, %v", whole, err)
	}
}

func TestWhatIsRemovedIsForgotten(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(s *Store) error{
		"deleted": func(s *Store) error { _, _, err := s.Delete(t.Context(), "me", "a"); return err },
		"expired": func(s *Store) error {
			_, err := s.Expire(t.Context(), time.Now().AddDate(10, 0, 0), time.Hour, 10)
			return err
		},
		"account deleted": func(s *Store) error { return s.DeleteAccount(t.Context(), "me") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, filepath.Join(t.TempDir(), "gateway.db"))
			if _, err := s.EnsureAccount(context.Background(), auth.Record{ID: "me", CreatedAt: time.Now()}); err != nil {
				t.Fatal(err)
			}
			run(t, s, "a", "me")
			if err := remove(s); err != nil {
				t.Fatal(err)
			}
			if sub, err := s.Get(context.Background(), "me", "a", submission.Outcome); !errors.Is(err, submission.ErrNotFound) {
				t.Errorf("got %+v, %v", sub, err)
			}
		})
	}
}

// Whoever was told that a submission is deleted does not see it again, however many read it meanwhile.
func TestADeletedSubmissionStaysAway(t *testing.T) {
	t.Parallel()
	s := open(t, filepath.Join(t.TempDir(), "gateway.db"))
	for i := range 50 {
		token := fmt.Sprint(i)
		run(t, s, token, "me")
		s.ended.forget()
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				for range 5 {
					_, _ = s.Get(t.Context(), "me", token, submission.Outcome)
				}
			})
		}
		if _, deleted, err := s.Delete(t.Context(), "me", token); err != nil || !deleted {
			t.Fatal(deleted, err)
		}
		readers.Wait()
		if _, err := s.Get(t.Context(), "me", token, submission.Outcome); !errors.Is(err, submission.ErrNotFound) {
			t.Fatalf("it is there again: %v", err)
		}
	}
}

func TestMemoryOfEndedSubmissionsIsBounded(t *testing.T) {
	t.Parallel()
	var e ended
	text := strings.Repeat("x", 100<<10)
	for i := range 10 * endedBytes / len(text) {
		sub := &submission.Submission{State: submission.Finished}
		sub.Token, sub.Stdout = fmt.Sprint(i), &text
		e.put(sub, e.before())
		if e.get("0") == nil {
			t.Fatal("what is asked for is forgotten")
		}
		held := 0
		for _, half := range []map[string]*submission.Submission{e.young, e.old} {
			for _, sub := range half {
				held += size(sub)
			}
		}
		if held > endedBytes+2*size(sub) {
			t.Fatalf("%d bytes are held", held)
		}
	}
	large := strings.Repeat("x", endedLarge)
	sub := &submission.Submission{State: submission.Finished}
	sub.Token, sub.Stdout = "large", &large
	e.put(sub, e.before())
	unfinished := &submission.Submission{State: submission.Processing}
	unfinished.Token = "unfinished"
	e.put(unfinished, e.before())
	if e.get("large") != nil || e.get("unfinished") != nil {
		t.Error("it is remembered")
	}
}
