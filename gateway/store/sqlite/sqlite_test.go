package sqlite

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/judge0/api"
)

var ctx = context.Background()

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "data", "gateway.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ptr[T any](v T) *T { return &v }

var noon = time.Date(2026, 1, 2, 12, 0, 0, 5_000_000, time.UTC)

// full is a submission in which every attribute that is stored has a value of its own.
func full(token, account string) *submission.Submission {
	s := &submission.Submission{Account: account, Submission: api.Submission{
		Token: token, SourceCode: ptr("a\xff\x00b"), LanguageID: 71, CompilerOptions: ptr("-O2"), CommandLineArguments: ptr("a b"),
		Stdin: ptr(""), ExpectedOutput: ptr("out"), AdditionalFiles: ptr("PK\x03"), CallbackURL: ptr("http://x"),
		CPUTimeLimit: 1.5, CPUExtraTime: 0.5, WallTimeLimit: 9, MemoryLimit: 3000, StackLimit: 4000, MaxProcesses: 5, MaxFileSize: 6, NumberOfRuns: 7,
		PerProcessTime: true, PerProcessMemory: true, RedirectStderr: true, EnableNetwork: true,
		Result: api.Result{Status: api.InQueue}, CreatedAt: noon, QueuedAt: ptr(noon), QueueHost: ptr("q"),
	}}
	return s
}

func ended(s *submission.Submission) *submission.Submission {
	return s.Ended(api.Answer{Token: "engine", StartedAt: ptr(noon), FinishedAt: ptr(noon.Add(time.Second)), ExecutionHost: ptr("w"), Result: api.Result{
		Status: api.Accepted, Stdout: ptr("\xfe"), Stderr: nil, CompileOutput: ptr(""), Message: ptr("m"), ExitCode: ptr(0), ExitSignal: ptr(9),
		Time: ptr(0.25), WallTime: ptr(0.5), Memory: ptr(1000),
	}}, noon)
}

func TestWhatIsStoredComesBack(t *testing.T) {
	t.Parallel()
	s := open(t)
	want := full("a", "me")
	if err := s.Insert(ctx, want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Get(ctx, "me", "a", submission.Outcome); err != nil || got.SourceCode != nil || got.Stdin != nil || got.Token != "a" {
		t.Fatalf("without its program: %+v, %v", got, err)
	}
	if got, err := s.Get(ctx, "me", "a", submission.Whole); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
	want = ended(want)
	if first, err := s.Finish(ctx, want); err != nil || !first {
		t.Fatal(first, err)
	}
	if got, err := s.Get(ctx, "me", "a", submission.Whole); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestInsertIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	if err := s.Insert(ctx, full("a", "me"), full("b", "me"), full("a", "me")); err == nil {
		t.Fatal("the same token was stored twice")
	}
	if _, total, err := s.List(ctx, "me", 0, 10, submission.Whole); err != nil || total != 0 {
		t.Errorf("%d stored, %v", total, err)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	s := open(t)
	for i := range 5 {
		if err := s.Insert(ctx, full(fmt.Sprint("mine", i), "me"), full(fmt.Sprint("other", i), "other")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Get(ctx, "me", "other1", submission.Whole); !errors.Is(err, submission.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	found, err := s.GetMany(ctx, "me", []string{"mine1", "other1", "none", "mine3"}, submission.Whole)
	if err != nil || len(found) != 2 || found["mine1"] == nil || found["mine3"] == nil {
		t.Errorf("got %v, %v", found, err)
	}
	page, total, err := s.List(ctx, "me", 1, 2, submission.Whole)
	if err != nil || total != 5 || len(page) != 2 || page[0].Token != "mine3" || page[1].Token != "mine2" {
		t.Errorf("got %v, %d, %v", page, total, err)
	}
	if _, _, err := s.Delete(ctx, "me", "other1"); !errors.Is(err, submission.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	if loaded, err := s.Load(ctx, "mine1", "other1", "none"); err != nil || len(loaded) != 2 {
		t.Errorf("got %v, %v", loaded, err)
	}
}

func TestOneOfManyFinishes(t *testing.T) {
	t.Parallel()
	s := open(t)
	sub := full("a", "me")
	if err := s.Insert(ctx, sub); err != nil {
		t.Fatal(err)
	}
	var firsts atomic.Int32
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			first, err := s.Finish(ctx, ended(sub))
			if err != nil {
				t.Error(err)
			}
			if first {
				firsts.Add(1)
			}
		})
	}
	wg.Wait()
	if firsts.Load() != 1 {
		t.Errorf("%d were told that they ended it", firsts.Load())
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	s := open(t)
	sub := full("a", "me")
	if err := s.Insert(ctx, sub, full("b", "me")); err != nil {
		t.Fatal(err)
	}
	state := func(token string) submission.State {
		got, err := s.Get(ctx, "me", token, submission.Whole)
		if err != nil {
			t.Fatal(err)
		}
		return got.State
	}
	if _, deleted, err := s.Delete(ctx, "me", "a"); deleted || err != nil {
		t.Errorf("deleted before its end: %v", err)
	}
	if err := s.Forwarded(ctx, map[string]string{"a": "engine-a"}); err != nil || state("a") != submission.Forwarded || state("b") != submission.Queued {
		t.Errorf("states %v %v, %v", state("a"), state("b"), err)
	}
	begun := sub.Begun(api.Answer{Token: "engine-a"}, noon)
	if changed, err := s.Begin(ctx, begun); !changed || err != nil || state("a") != submission.Processing {
		t.Errorf("%v, %v, state %v", changed, err, state("a"))
	}
	if changed, err := s.Begin(ctx, begun); changed || err != nil {
		t.Errorf("begun twice: %v", err)
	}
	pending, err := s.Unfinished(ctx, 0, 10)
	want := []submission.Pending{{Seq: 1, Token: "a", State: submission.Processing, EngineToken: "engine-a"}, {Seq: 2, Token: "b"}}
	if err != nil || !reflect.DeepEqual(pending, want) {
		t.Errorf("got %+v, %v", pending, err)
	}
	if first, err := s.Finish(ctx, ended(sub)); !first || err != nil {
		t.Fatal(first, err)
	}
	if err := s.Forwarded(ctx, map[string]string{"a": "late"}); err != nil || state("a") != submission.Finished {
		t.Errorf("state %v, %v", state("a"), err)
	}
	if changed, err := s.Begin(ctx, begun); changed || err != nil {
		t.Errorf("begun after its end: %v", err)
	}
	if pending, err := s.Unfinished(ctx, 1, 10); err != nil || len(pending) != 1 || pending[0].Token != "b" {
		t.Errorf("got %+v, %v", pending, err)
	}
	if _, deleted, err := s.Delete(ctx, "me", "a"); !deleted || err != nil {
		t.Errorf("not deleted: %v", err)
	}
	if first, err := s.Finish(ctx, ended(sub)); first || err != nil {
		t.Errorf("ended after it was deleted: %v", err)
	}
}

func TestKeysAndSettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "gateway.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	key := auth.Key{ID: "1", Hash: sha256.Sum256([]byte("x")), Prefix: "sg_abcde", Name: "n", Account: "me", Scopes: auth.Scopes{auth.Read, auth.Submit}, CreatedAt: noon, ExpiresAt: ptr(noon.Add(time.Hour))}
	if err := s.AddKey(ctx, key, false); err != nil {
		t.Fatal(err)
	}
	made := 0
	create := func() ([]byte, error) { made++; return []byte("secret"), nil }
	for range 2 {
		if value, err := s.Setting(ctx, "k", create); err != nil || string(value) != "secret" {
			t.Errorf("got %q, %v", value, err)
		}
	}
	if err := errors.Join(s.TouchKeys(ctx, map[string]time.Time{"1": noon}), s.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if s, err = Open(path); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	key.LastUsedAt = ptr(noon)
	if got, err := s.KeyByHash(ctx, key.Hash); err != nil || !reflect.DeepEqual(*got, key) {
		t.Errorf("got %+v, %v", got, err)
	}
	if value, err := s.Setting(ctx, "k", create); err != nil || string(value) != "secret" || made != 1 {
		t.Errorf("got %q, %v; made %d times", value, err, made)
	}
	other := key
	other.ID, other.Hash = "2", sha256.Sum256([]byte("y"))
	if err := s.AddKey(ctx, other, true); err != nil {
		t.Fatal(err)
	}
	if got, err := s.KeyByHash(ctx, key.Hash); err != nil || got != nil {
		t.Errorf("the key that was replaced is still there: %v, %v", got, err)
	}
	if n, err := s.CountKeys(ctx); err != nil || n != 1 {
		t.Errorf("%d keys, %v", n, err)
	}
}
