package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sandgate/sandgate/gateway/auth"
)

// TestCredentialsOfLiveConnections: all that let a request in lets it stay.
func TestCredentialsOfLiveConnections(t *testing.T) {
	_, keys := router(t)
	made := map[auth.Scope]string{}
	for _, scope := range []auth.Scope{auth.Submit, auth.Read} {
		secret, err := keys.EnsureKey(t.Context(), string(scope), "me", scope)
		if err != nil {
			t.Fatal(err)
		}
		made[scope] = secret
	}
	for name, tc := range map[string]struct {
		path   string
		header http.Header
		may    bool
	}{
		"a key":                       {"/", http.Header{"X-Auth-Token": {made[auth.Read]}}, true},
		"a key in the query":          {"/?x-auth-token=" + made[auth.Read], nil, true},
		"a key that may not":          {"/", http.Header{"X-Auth-Token": {made[auth.Submit]}}, false},
		"with a second":               {"/", http.Header{"X-Auth-Token": {made[auth.Submit]}, "X-Auth-User": {made[auth.Read]}}, true},
		"with a second, in the query": {"/?X-Auth-User=" + made[auth.Read] + "&X-Auth-Token=" + made[auth.Submit], nil, true},
		"with a bad second":           {"/", http.Header{"X-Auth-Token": {made[auth.Submit]}, "X-Auth-User": {"bad"}}, false},
	} {
		r := httptest.NewRequest("GET", tc.path, nil)
		for key, values := range tc.header {
			r.Header[key] = values
		}
		if err := CheckCredentials(keys)(t.Context(), credentialsOf(r).encode()); tc.may != (err == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := AuthenticateSocket(keys)(t.Context(), credentialsOf(r).encode(), ""); tc.may != (err == nil) {
			t.Errorf("%s, by Socket.IO: %v", name, err)
		}
	}
}
