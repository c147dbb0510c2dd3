package gateway_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/admin"
	"github.com/sandgate/sandgate/gateway/store/mongo"
	"github.com/sandgate/sandgate/internal/testservers"
)

// mongoURL gives the URL of an empty database: of the MongoDB that MONGODB_URI names, or of FerretDB,
// which stands in for it.
func mongoURL(t *testing.T) string {
	t.Helper()
	if real := os.Getenv("MONGODB_URI"); real != "" {
		u, err := url.Parse(real)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = fmt.Sprintf("/sandgate_test_%d", time.Now().UnixNano())
		return u.String()
	}
	return testservers.For(t, testservers.StartFerretDB).Database()
}

func TestGatewayOnMongoDB(t *testing.T) {
	t.Parallel()
	b := prepare(t)
	b.config.DatabaseURL, b.config.DataDir = mongoURL(t), "/nowhere"
	b.config.Instance = "g1"
	b.engine.script(func(e *scriptedEngine) { e.next = func(s *scripted) { e.end(s) } })
	b.start()

	r := b.post("/submissions?wait=true", python("print(1)"))
	if r.status != 201 {
		t.Fatalf("wait: %d %s", r.status, r.body)
	}
	waited, _ := r.object(t)["token"].(string)
	token := b.submit("print(2)")
	b.awaitStatus(token, 3)
	if r := b.get("/submissions/" + token + "?fields=*"); r.status != 200 || r.object(t)["source_code"] != "print(2)" {
		t.Errorf("whole: %d %s", r.status, r.body)
	}
	if r := b.get("/submissions/batch?tokens=" + token + "," + waited); r.status != 200 || strings.Count(r.body, `"token"`) != 2 {
		t.Errorf("batch: %d %s", r.status, r.body)
	}
	if r := b.get("/submissions?per_page=1"); r.status != 200 || !strings.Contains(r.body, token) || !strings.Contains(r.body, `"total_count":2`) {
		t.Errorf("list: %d %s", r.status, r.body)
	}
	if r := b.call("DELETE", "/submissions/"+token, "", firstKey); r.status != 200 {
		t.Errorf("delete: %d %s", r.status, r.body)
	}
	if r := b.get("/submissions/" + token); r.status != 404 {
		t.Errorf("after it was deleted: %d %s", r.status, r.body)
	}
	if r := b.call("GET", "/submissions/"+waited, "", "no-key-of-this-gateway"); r.status != 401 {
		t.Errorf("without a key: %d %s", r.status, r.body)
	}

	// The command line works on the database beside the gateway.
	var out, errs strings.Builder
	lookup := func(name string) (string, bool) { return b.config.DatabaseURL, name == "SANDGATE_DATABASE_URL" }
	if code := admin.Run(context.Background(), "gateway", []string{"keys", "create", "--account", "shop", "--name", "n", "--scopes", "read", "--json"}, lookup, &out, &errs); code != 0 {
		t.Fatalf("keys create: %d %s", code, errs.String())
	}
	secret, _ := reply{body: out.String()}.object(t)["secret"].(string)
	if r := b.call("GET", "/api/v1/me", "", secret); r.status != 200 || r.object(t)["account"] != "shop" {
		t.Errorf("with the key %q of %s: %d %s", secret, out.String(), r.status, r.body)
	}

	// Gateways on one database are told apart.
	database, err := mongo.Open(context.Background(), b.config.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = database.Close() }()
	if found, err := database.Load(context.Background(), waited); err != nil || found[waited].Owner != "g1" {
		t.Errorf("stored for no gateway of that name: %+v, %v", found[waited], err)
	}

	// What a stopped gateway left unfinished is taken up by the next one.
	b.engine.down()
	left := b.submit("print(3)")
	if err := b.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.engine.up()
	b.start()
	b.awaitStatus(left, 3)
	if r := b.get("/submissions/" + waited); r.status != 200 {
		t.Errorf("what had ended before: %d %s", r.status, r.body)
	}
}
