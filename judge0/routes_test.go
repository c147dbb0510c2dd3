package judge0

import (
	"testing"

	"github.com/sandgate/sandgate/internal/badrequest"
	"github.com/sandgate/sandgate/judge0/server"
)

// rough gives a client that sends bad requests to an engine that may do all.
func rough(t testing.TB, change ...func(*Options)) (*badrequest.Client, *badrequest.Faults) {
	t.Helper()
	faults := &badrequest.Faults{}
	e := start(t, echo, append([]func(*Options){func(o *Options) {
		o.Logger = faults.Logger()
		o.Access = server.Access{AuthnTokens: []string{"authn"}, AuthzTokens: []string{"authz"}}
		o.Config.EnableSubmissionDelete = true
		o.Config.CallbacksMaxTries = 1
	}}, change...)...)
	return roughOn(t, e), faults
}

func roughOn(t testing.TB, e *Engine) *badrequest.Client {
	t.Helper()
	target := badrequest.Target{URL: e.URL(), Headers: map[string]string{"X-Auth-Token": "authn", "X-Auth-User": "authz"}}
	for _, route := range e.server.Routes() {
		target.Routes = append(target.Routes, badrequest.Route{Method: route.Method, Path: route.Path})
	}
	client := badrequest.NewClient(target)
	t.Cleanup(client.Close)
	return client
}

// No request to any route makes the engine fail or wait, with the store on disk behind it.
func FuzzRoutes(f *testing.F) {
	client, faults := rough(f)
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
