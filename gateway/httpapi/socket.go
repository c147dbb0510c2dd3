package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/live"
)

// identityHeaders say who makes a request, originHeaders where it comes from.
var (
	identityHeaders = []string{"X-Auth-Token", "Authorization", "X-Rapidapi-Key", "X-Sandgate-User", "X-Auth-User"}
	originHeaders   = []string{"X-Forwarded-For", "X-Real-Ip", "Cf-Connecting-Ip"}
)

// The names in credentials of what is no header. Headers begin with a capital letter.
const (
	queryPart = "query"
	peerPart  = "peer"
)

// credentials are what is kept of a request while its live connection lasts, to ask again who made it.
type credentials url.Values

func credentialsOf(r *http.Request) credentials {
	kept := credentials{}
	for _, name := range append(identityHeaders, originHeaders...) {
		if values := r.Header.Values(name); len(values) > 0 {
			kept[name] = values
		}
	}
	query := url.Values{}
	if strings.Contains(strings.ToLower(r.URL.RawQuery), "x-auth-") {
		for name, values := range r.URL.Query() {
			if strings.EqualFold(name, "X-Auth-Token") || strings.EqualFold(name, "X-Auth-User") {
				query[name] = values
			}
		}
	}
	if len(query) > 0 {
		kept[queryPart] = []string{query.Encode()}
	}
	kept[peerPart] = []string{r.RemoteAddr}
	return kept
}

func (c credentials) encode() live.Credentials { return live.Credentials(url.Values(c).Encode()) }

// identity leaves out where the request came from.
func (c credentials) identity() live.Credentials {
	kept := url.Values{}
	for name, values := range c {
		kept[name] = values
	}
	for _, name := range append(originHeaders, peerPart) {
		delete(kept, name)
	}
	return live.Credentials(kept.Encode())
}

func decode(text live.Credentials) credentials {
	kept, _ := url.ParseQuery(string(text)) // what encode made
	return credentials(kept)
}

// request gives a request with these credentials.
func (c credentials) request(ctx context.Context) *http.Request {
	r := (&http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/socket.io/"}, Header: http.Header{}}).WithContext(ctx)
	for name, values := range c {
		switch name {
		case queryPart:
			r.URL.RawQuery = values[0]
		case peerPart:
			r.RemoteAddr = values[0]
		default:
			r.Header[name] = values
		}
	}
	return r
}

// CheckCredentials tells for live connections whether what a request said of its maker still gives
// the right to listen.
func CheckCredentials(keys Authenticator) func(context.Context, live.Credentials) error {
	return func(ctx context.Context, text live.Credentials) error {
		_, err := reader(keys, decode(text).request(ctx))
		return err
	}
}

// AuthenticateSocket tells who connects by Socket.IO: by the token that the client gives with its
// connection, which is an API key or a JWT, or else by its first request, as all other routes do.
func AuthenticateSocket(keys Authenticator) func(context.Context, live.Credentials, string) (string, live.Credentials, error) {
	return func(ctx context.Context, text live.Credentials, token string) (string, live.Credentials, error) {
		given := decode(text)
		if token != "" {
			for _, name := range []string{"X-Auth-Token", "X-Rapidapi-Key", queryPart} {
				delete(given, name)
			}
			given["Authorization"] = []string{"Bearer " + token}
		}
		account, err := reader(keys, given.request(ctx))
		return account, given.identity(), err
	}
}

// reader gives the account of a request that may read.
func reader(keys Authenticator, r *http.Request) (string, error) {
	account, err := keys.Authenticate(r)
	if err != nil {
		return "", err
	}
	if !account.May(auth.Read) {
		if account, err = keys.Authorize(r, account, auth.Read); err != nil {
			return "", err
		}
	}
	return account.ID, nil
}
