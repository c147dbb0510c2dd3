package mongo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/sandgate/sandgate/gateway/store/storetest"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/api"
)

// MONGODB_URI names a MongoDB to test on, of which each test gets a database of its own. Elsewhere FerretDB
// stands in: see internal/testservers.
var (
	mongodb  = os.Getenv("MONGODB_URI")
	ferretdb *testservers.FerretDB
	noServer error
)

func TestMain(m *testing.M) {
	if mongodb == "" {
		ferretdb, noServer = testservers.StartFerretDB()
		if noServer != nil && !errors.Is(noServer, testservers.ErrMissing) {
			fmt.Fprintln(os.Stderr, noServer)
			os.Exit(1)
		}
	}
	code := m.Run()
	if ferretdb != nil {
		ferretdb.Remove()
	}
	os.Exit(code)
}

var ctx = context.Background()

// address gives the URL of an empty database.
func address(t *testing.T) string {
	t.Helper()
	if mongodb == "" {
		if ferretdb == nil {
			t.Skipf("MONGODB_URI names no MongoDB, and its stand-in is not here: %v", noServer)
		}
		return ferretdb.Database()
	}
	u, err := url.Parse(mongodb)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = fmt.Sprintf("/sandgate_test_%d", time.Now().UnixNano())
	return u.String()
}

func open(t *testing.T) *Store {
	t.Helper()
	s, err := Open(ctx, address(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if mongodb != "" {
			_ = s.submissions.Database().Drop(ctx)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t) })
}

func TestIndexesAreMadeOnce(t *testing.T) {
	t.Parallel()
	where := address(t)
	for range 2 {
		s, err := Open(ctx, where)
		if err != nil {
			t.Fatal(err)
		}
		specifications, err := s.submissions.Indexes().ListSpecifications(ctx)
		if err != nil || len(specifications) != 7 {
			t.Errorf("%d indexes, %v", len(specifications), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func program(token string, size int) *submission.Submission {
	source := strings.Repeat("x", size)
	return &submission.Submission{Account: "me", Submission: api.Submission{Token: token, SourceCode: &source, CreatedAt: time.UnixMilli(1)}}
}

func TestTooLargeIsRefusedBeforeTheWrite(t *testing.T) {
	t.Parallel()
	s := &Store{} // without a server
	for _, size := range []int{programMost - 100, programMost, 20 << 20} {
		var fault *submission.Error
		if err := s.Insert(ctx, program("small", 1), program("large", size)); !errors.As(err, &fault) || fault.Code != submission.TooLarge {
			t.Errorf("%d bytes: %v", size, err)
		}
		if _, err := s.InsertOnce(ctx, submission.Once{}, time.Time{}, program("large", size)); !errors.As(err, &fault) || fault.Code != submission.TooLarge {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestAResultFindsRoom(t *testing.T) {
	t.Parallel()
	full := program("a", programMost-2000)
	long, short := strings.Repeat("o", 5<<20), "short"
	full.Stdout, full.Stderr, full.CompileOutput = &long, &short, &long
	o := outcomeOf(full).shortened()
	d := documentOf(full, 1)
	d.Outcome = o
	raw, err := bson.Marshal(d)
	if err != nil || len(raw) > documentMost {
		t.Errorf("%d bytes, %v", len(raw), err)
	}
	if *stringOf(o.Stderr) != short || len(*o.Stdout) < 1<<20 || !strings.HasPrefix(long, *stringOf(o.Stdout)) || !strings.Contains(*stringOf(o.Message), "too long") {
		t.Errorf("stderr %q, %d bytes of output, message %q", *stringOf(o.Stderr), len(*o.Stdout), *stringOf(o.Message))
	}
}

func TestThoseWhoWaitAreStoredTogether(t *testing.T) {
	t.Parallel()
	var inserts atomic.Int32
	s, err := Open(ctx, address(t), Options{Observe: func(operation string, _ time.Duration) {
		if operation == "insert" {
			inserts.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	writers := s.intake
	defer func() { writers.close(); _ = s.Close() }()
	s.intake = newIntake(s.submissions) // nobody writes yet
	gone, leave := context.WithCancel(ctx)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := s.Insert(ctx, program(fmt.Sprint("a", i), 1), program(fmt.Sprint("b", i), 1)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Go(func() {
		if err := s.Insert(gone, program("gone", 1)); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	for len(s.intake.queue) < 21 {
		runtime.Gosched()
	}
	leave()
	left := func() bool {
		for range len(s.intake.queue) {
			a := <-s.intake.queue
			s.intake.queue <- a
			if a.state.Load() == dropped {
				return true
			}
		}
		return false
	}
	for !left() {
		runtime.Gosched()
	}
	s.intake.owned.Go(s.intake.run)
	wg.Wait()
	if inserts.Load() != 1 {
		t.Errorf("%d calls", inserts.Load())
	}
	if _, total, err := s.List(ctx, "me", 0, 1, submission.Outcome); err != nil || total != 40 {
		t.Errorf("%d stored, %v", total, err)
	}
}

func TestAKeyWhoseGatewayDiedBetweenItsWrites(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.patience = time.Millisecond
	at := time.UnixMilli(5)
	first := submission.Once{Account: "me", Key: "k", Tokens: []string{"a", "b"}, At: at}
	if _, err := s.once.InsertOne(ctx, onceOf(first)); err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(ctx, program("a", 1)); err != nil { // it had come that far
		t.Fatal(err)
	}
	again := first
	again.Tokens = []string{"c", "d"}
	other := again
	other.Request[0] = 1
	for range 2 {
		before, err := s.InsertOnce(ctx, other, at, program("c", 2), program("d", 2))
		if err != nil || before == nil || before.Request == other.Request {
			t.Errorf("another request: %+v, %v", before, err)
		}
	}
	if found, err := s.Load(ctx, "b"); err != nil || len(found) != 0 {
		t.Errorf("another request stored %v, %v", found, err)
	}
	for range 2 {
		before, err := s.InsertOnce(ctx, again, at, program("c", 2), program("d", 2))
		if err != nil || before == nil || before.Tokens[0] != "a" {
			t.Fatalf("got %+v, %v", before, err)
		}
		found, err := s.Load(ctx, "a", "b", "c", "d")
		if err != nil || len(found) != 2 || len(*found["a"].SourceCode) != 1 || found["b"] == nil {
			t.Errorf("stored %v, %v", found, err)
		}
	}
}

// FerretDB will do here, whatever MONGODB_URI names: it is killed and started again.
func TestAServerThatIsGoneAndComesBack(t *testing.T) {
	t.Parallel()
	server := testservers.For(t, testservers.StartFerretDB)
	s, err := Open(ctx, server.Database()+"?serverSelectionTimeoutMS=200")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(ctx, program("a", 1)); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	unavailable := func(what string, err error) {
		t.Helper()
		var fault *submission.Error
		if !errors.As(err, &fault) || fault.Code != submission.Unavailable || fault.RetryAfter == 0 {
			t.Errorf("%s without a server: %v", what, err)
		}
	}
	unavailable("insert", s.Insert(ctx, program("b", 1)))
	_, err = s.Get(ctx, "me", "a", submission.Whole)
	unavailable("get", err)
	_, err = s.Finish(ctx, program("a", 1))
	unavailable("finish", err)
	unavailable("ping", s.Ping(ctx))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); s.Ping(ctx) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("it is not found again")
		}
	}
	if _, err := s.Get(ctx, "me", "a", submission.Whole); err != nil {
		t.Errorf("what was stored before: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	unavailable("ping after it was closed", s.Ping(ctx))
	if err := s.Insert(ctx, program("c", 1)); err == nil {
		t.Error("stored after the store was closed")
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"mongodb://h":                              "sandgate",
		"mongodb://h/":                             "sandgate",
		"mongodb://h/?replicaSet=r":                "sandgate",
		"mongodb://u:p@h1:1,h2:2/mine?w=1":         "mine",
		"mongodb+srv://u:p%2F%40@h.example/a%2Db?": "a-b",
	} {
		if got := databaseName(address); got != want {
			t.Errorf("%s: %q, not %q", address, got, want)
		}
	}
	for _, address := range []string{
		"mongodb://user:s3cr3t@h:99999999/db", "mongodb://user:s3cr3t@/db", "mongodb://user:s3cr3t@h/db?w=x&tls=perhaps", "http://user:s3cr3t@h",
		"mongodb://user:s3cr3t/@h/db", "mongodb://user:s3cr3t%zz@h/db", "mongodb://user:s3cr3t@h/?maxPoolSize=-1", "mongodb://user:s3cr3t",
	} {
		s, err := Open(ctx, address)
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", address)
			continue
		}
		if strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error tells the password: %v", address, err)
		}
	}
}
