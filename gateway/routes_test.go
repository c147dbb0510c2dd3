package gateway_test

import (
	"context"
	"testing"

	"github.com/sandgate/sandgate/gateway"
	"github.com/sandgate/sandgate/internal/badrequest"
)

// No request to any route makes the gateway fail or wait, with the store on disk and an engine that
// ends everything at once behind it.
func FuzzRoutes(f *testing.F) {
	b := prepare(f)
	b.engine.script(func(e *scriptedEngine) {
		e.modern = true
		e.next = func(s *scripted) { e.begin(s); e.end(s) }
	})
	ended, end := context.WithCancel(context.Background())
	f.Cleanup(end)
	go func() {
		for {
			select {
			case <-b.engine.took:
			case <-ended.Done():
				return
			}
		}
	}()
	faults := &badrequest.Faults{}
	b.Gateway = gateway.New(gateway.Options{Config: b.config, Log: faults.Logger(), Dispatch: b.bounds})
	if err := b.Start(context.Background()); err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Stop(context.Background()) })
	b.await("readiness", func() bool { return b.Ready(context.Background()) == nil })
	target := badrequest.Target{URL: b.URL(), Headers: map[string]string{"X-Auth-Token": firstKey}}
	for _, route := range b.Routes() {
		target.Routes = append(target.Routes, badrequest.Route{Method: route.Method, Path: route.Path})
	}
	client := badrequest.NewClient(target)
	f.Cleanup(client.Close)
	for seed := range uint64(500) {
		f.Add(seed, []byte("{}"))
	}
	f.Fuzz(func(t *testing.T, seed uint64, raw []byte) {
		if err := client.Send(seed, raw); err != nil {
			t.Error(err)
		}
		for _, line := range faults.Take() {
			t.Error(line)
		}
	})
}
