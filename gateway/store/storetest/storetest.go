// Package storetest is the suite of tests that every store of the gateway must pass.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/retention"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
	"github.com/sandgate/sandgate/judge0/api"
)

// Store is all that the gateway asks of a store.
type Store interface {
	submission.Store
	submission.Records
	dispatch.Store
	auth.Directory
	limit.Store
	webhook.Store
	retention.Store
	Setting(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
	Ping(ctx context.Context) error
}

// Run runs the suite. open gives an empty store, which is closed when the test ends.
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range []map[string]func(*testing.T, Store){submissions, records, carriers, deliveries, directory, usage, races} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, open(t))
			})
		}
	}
}

var ctx = context.Background()

func ptr[T any](v T) *T { return &v }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5_000_000, time.UTC)

// full is a submission in which every attribute that is stored has a value of its own.
func full(token, account string) *submission.Submission {
	return &submission.Submission{Account: account, Owner: "g1", Submission: api.Submission{
		Token: token, SourceCode: ptr("a\xff\x00b"), LanguageID: 71, CompilerOptions: ptr("-O2"), CommandLineArguments: ptr("a b"),
		Stdin: ptr(""), ExpectedOutput: ptr("out"), AdditionalFiles: ptr("PK\x03"), CallbackURL: ptr("http://x"),
		CPUTimeLimit: 1.5, CPUExtraTime: 0.5, WallTimeLimit: 9, MemoryLimit: 3000, StackLimit: 4000, MaxProcesses: 5, MaxFileSize: 6, NumberOfRuns: 7,
		PerProcessTime: true, PerProcessMemory: true, RedirectStderr: true, EnableNetwork: true,
		Result: api.Result{Status: api.InQueue}, CreatedAt: noon, QueuedAt: ptr(noon), QueueHost: ptr("q"),
	}}
}

// at is a submission that came in some time after noon.
func at(token, account string, after time.Duration) *submission.Submission {
	s := full(token, account)
	s.CreatedAt = noon.Add(after)
	return s
}

func ended(s *submission.Submission) *submission.Submission {
	return endedAt(s, noon.Add(time.Second))
}

func endedAt(s *submission.Submission, when time.Time) *submission.Submission {
	return s.Ended(api.Answer{Token: "engine", StartedAt: ptr(noon), FinishedAt: ptr(when), ExecutionHost: ptr("w"), Result: api.Result{
		Status: api.Accepted, Stdout: ptr("\xfe"), Stderr: nil, CompileOutput: ptr(""), Message: ptr("m"), ExitCode: ptr(0), ExitSignal: ptr(9),
		Time: ptr(0.25), WallTime: ptr(0.5), Memory: ptr(1000),
	}}, when)
}

func insert(t *testing.T, s Store, subs ...*submission.Submission) {
	t.Helper()
	if err := s.Insert(ctx, subs...); err != nil {
		t.Fatal(err)
	}
}

func finish(t *testing.T, s Store, subs ...*submission.Submission) {
	t.Helper()
	for _, sub := range subs {
		if first, err := s.Finish(ctx, sub); err != nil || !first {
			t.Fatalf("%s: first %v, %v", sub.Token, first, err)
		}
	}
}

func tokens(subs []*submission.Submission) []string {
	list := []string{}
	for _, s := range subs {
		list = append(list, s.Token)
	}
	return list
}

// same fails the test unless got is want.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s\n got %+v\nwant %+v", what, got, want)
	}
}

func isCode(err error, code submission.Code) bool {
	var e *submission.Error
	return errors.As(err, &e) && e.Code == code
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s%02d", prefix, i) }
