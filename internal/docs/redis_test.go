package docs

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/testservers"
	"github.com/sandgate/sandgate/judge0/queue"
	"github.com/sandgate/sandgate/judge0/queue/redis"
)

// The user that the cluster gives the engine in Redis: it has its queue, and nothing of the gateways.
func TestTheEnginesUserOfRedis(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	text, err := os.ReadFile(filepath.Join("..", "..", "compose", "compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^ +user engine on >\$\$JUDGE0_PASSWORD (.+)$`).FindSubmatch(text)
	if found == nil {
		t.Fatal("compose.yml makes no user for the engine")
	}
	server := testservers.For(t, testservers.StartRedis)
	address := server.Database()
	gateway, err := redis.Connect(address, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = gateway.Close() }()
	rules := []any{"ACL", "SETUSER", "engine", "on", ">secret"}
	for _, rule := range strings.Fields(string(found[1])) {
		rules = append(rules, rule)
	}
	if err := gateway.Do(ctx, rules...).Err(); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("engine", "secret")
	engine, err := redis.Connect(u.String(), 10)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = engine.Close() }()

	// What it needs.
	q := redis.NewQueue(engine, redis.Options{Consumer: "w", Lease: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	defer q.Close()
	if err := q.Ping(ctx); err != nil {
		t.Error(err)
	}
	if err := q.Add(queue.Item{Token: "x"}); err != nil {
		t.Error(err)
	}
	item, err := q.Pop(ctx)
	if err != nil || item.Token != "x" {
		t.Fatalf("got %+v, %v", item, err)
	}
	time.Sleep(time.Second) // its lease is renewed
	select {
	case <-item.Revoked:
		t.Error("the lease was not renewed")
	default:
	}
	if tokens, err := q.Tokens(ctx); err != nil || !tokens["x"] {
		t.Errorf("got %v, %v", tokens, err)
	}
	q.Done(item)
	if err := engine.Publish(ctx, "sandgate:finished", "x").Err(); err != nil {
		t.Error(err)
	}

	finished := engine.Subscribe(ctx, "sandgate:finished")
	defer func() { _ = finished.Close() }()
	if _, err := finished.Receive(ctx); err != nil {
		t.Error(err)
	}

	// What is not its own: gateways' events and limits, and the server itself.
	for name, command := range map[string][]any{
		"an event": {"PUBLISH", "sandgate:1:events", "{}"}, "a limit": {"SET", "{sandgate}:limit:a", "1"}, "reading": {"GET", "x"},
		"a script": {"EVAL", "return redis.call('GET', KEYS[1])", "1", "x"}, "emptying": {"FLUSHALL"}, "settings": {"CONFIG", "GET", "*"}, "users": {"ACL", "LIST"},
	} {
		if err := engine.Do(ctx, command...).Err(); err == nil || !goredis.HasErrorPrefix(err, "NOPERM") && !strings.Contains(err.Error(), "can't access") {
			t.Errorf("%s: %v", name, err)
		}
	}
	heard := engine.Subscribe(ctx, "sandgate:1:events")
	defer func() { _ = heard.Close() }()
	if _, err := heard.Receive(ctx); err == nil {
		t.Error("it hears the gateways' events")
	}
}
