package gateway_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/internal/testservers"
)

// redisURL gives the URL of an empty Redis of the test's own.
func redisURL(t *testing.T) string {
	t.Helper()
	return testservers.For(t, testservers.StartRedis).Database()
}

// listening makes gateways tell each other everything by Redis and find nothing out by looking: what one of
// them learns from another, it has heard.
func listening(b *bundle, bus, name string) {
	b.config.RedisURL, b.config.Instance = bus, name
	b.waits = func(o *submission.Options) { o.LookEvery = time.Hour }
	b.bounds = func(o *dispatch.Options) {
		o.Instance = name
		o.ReconcileEvery, o.SweepEvery, o.Grace, o.UnsureGrace, o.AliveFor = time.Hour, time.Hour, time.Hour, time.Hour, time.Hour
	}
}

// TestResultsReachWhoWaitsAtAnotherGateway has clients wait at one gateway, by each way that there is,
// while the engine tells another. They share a database that is not in their process, and Redis.
func TestResultsReachWhoWaitsAtAnotherGateway(t *testing.T) {
	t.Parallel()
	d := startDriver(t)
	bus, database := redisURL(t), mongoURL(t)
	e := startEngine(t)
	e.script(func(e *scriptedEngine) { e.modern = true })
	start := func(name string) *bundle {
		b := prepareWith(t, e)
		listening(b, bus, name)
		b.config.DatabaseURL, b.config.DataDir = database, "/nowhere"
		return b.start()
	}
	here, there := start("here"), start("there")
	for _, b := range []*bundle{here, there} {
		b.await("the other gateway", func() bool { return gaugeOf(b, "live_redis_away") == "0" })
	}
	// taken is what the engine was given, with callbacks that go to the other gateway.
	taken := func() *scripted {
		s := <-e.took
		e.script(func(*scriptedEngine) { s.calls = elsewhere(t, s.calls, there) })
		return s
	}
	forgotten := func() {
		t.Helper()
		here.await("the end of what it carried", func() bool { return gaugeOf(here, "unfinished") == "0" && gaugeOf(here, "in_pool") == "0" })
	}

	t.Run("wait=true", func(t *testing.T) {
		answered := make(chan reply, 1)
		go func() { answered <- here.post("/submissions?wait=true&fields=*", python("waited for")) }()
		if status := e.end(taken()); status != 204 {
			t.Fatalf("the callback got %d", status)
		}
		r := <-answered
		if got := r.object(t); r.status != 201 || got["stdout"] != "waited for" || got["status_id"] != 3.0 || got["exit_code"] != 0.0 {
			t.Errorf("got %d %s", r.status, r.body)
		}
		forgotten()
	})

	t.Run("wait=true again by its key", func(t *testing.T) {
		answered := make(chan reply, 2)
		for range 2 {
			go func() {
				answered <- person{here, firstKey, "ada"}.call("POST", "/submissions?wait=true", python("once"))
			}()
		}
		s := taken()
		e.end(s)
		for range 2 {
			if r := <-answered; r.status != 201 || r.object(t)["stdout"] != "once" {
				t.Errorf("got %d %s", r.status, r.body)
			}
		}
		forgotten()
	})

	t.Run("events", func(t *testing.T) {
		job := here.run("streamed")
		s := taken()
		statuses := ""
		lines := here.events(job, func(line string) {
			for status, then := range map[string]func(){`"id":1,`: func() { e.begin(s) }, `"id":2,`: func() { e.end(s) }} {
				if strings.HasPrefix(line, "data: ") && strings.Contains(line, `"status":{`+status) && !strings.Contains(statuses, status) {
					statuses += status
					then()
				}
			}
		})
		if last := lines[len(lines)-1]; statuses != `"id":1,"id":2,` || !strings.Contains(last, `"output":"streamed"`) {
			t.Errorf("heard %s", strings.Join(lines, "\n"))
		}
		forgotten()
	})

	for _, transport := range []string{"websocket", "polling"} {
		t.Run("Socket.IO by "+transport, func(t *testing.T) {
			d.open(transport, here.URL(), firstKey, transport)
			d.expect(transport, "connect")
			job := here.run("by " + transport)
			s := taken()
			if answer := d.join(transport, job); answer["ok"] != true {
				t.Fatalf("got %v", answer)
			}
			d.status(transport, job, 1)
			e.begin(s)
			d.status(transport, job, 2)
			e.end(s)
			if got := fmt.Sprint(d.expect(transport, "result")...); !strings.Contains(got, "output:by "+transport) {
				t.Errorf("got %s", got)
			}
			forgotten()
		})
	}
}
