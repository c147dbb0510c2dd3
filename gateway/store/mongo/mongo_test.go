package mongo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/store/storetest"
	"github.com/sandgate/sandgate/internal/testservers"
)

// MONGODB_URI names a MongoDB to test on, of which each test gets a database of its own. Elsewhere FerretDB
// stands in, which can't do all of it.
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
	racy := ""
	if mongodb == "" {
		racy = "on FerretDB, whose updates are not atomic: set MONGODB_URI to a MongoDB to run this"
	}
	storetest.Suite{Open: func(t *testing.T) storetest.Store { return open(t) }, Racy: racy}.Run(t)
}
