package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
)

// Go fuzzes in processes of their own, which share nothing but inputs. So all that an input has to fit is fixed: the
// issuer's address, its key, the API keys and the time.
const (
	fuzzIssuer = "https://issuer.test"
	adminKey   = "a-key-with-all-rights"
	actKey     = "a-key-that-acts-for-users"
	plainKey   = "a-key-that-only-reads"
)

// testKey signs the tokens of fuzz targets. It is a TEST KEY, which guards nothing.
const testKey = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8p0D4Jv8ejwI0Noy
qpUvko4AykjgskQcxJ0AY3z3VSOhRANCAAQY1Hn6uPGAOmQgY1571Rcm3K3owMXF
6cjlLLkC2tBpm5zQn3aOKC0vJd6DKCcGKmzo8wnRyyJfd1uVdEd6cvXa
-----END PRIVATE KEY-----`

var fuzzKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	block, _ := pem.Decode([]byte(testKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*ecdsa.PrivateKey)
})

func fuzzNow() time.Time { return time.Unix(1_800_000_000, 0) }

// fuzzSign signs a token's header and claims by ES256, the same ones always alike.
func fuzzSign(t testing.TB, header, claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(claims))
	sum := sha256.Sum256([]byte(text))
	der, err := fuzzKey().Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var signature struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &signature); err != nil {
		t.Fatal(err)
	}
	raw := make([]byte, 64)
	signature.R.FillBytes(raw[:32])
	signature.S.FillBytes(raw[32:])
	return text + "." + encode(raw)
}

// documents answers from memory, by the path.
type documents map[string]string

func (d documents) RoundTrip(r *http.Request) (*http.Response, error) {
	text, ok := d[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Status: http.StatusText(status), Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// fuzzDocuments are those of the issuer.
func fuzzDocuments(t testing.TB) documents {
	key, err := json.Marshal(public(t, "k", fuzzKey().Public(), false))
	if err != nil {
		t.Fatal(err)
	}
	return documents{
		fuzzIssuer + "/.well-known/openid-configuration": `{"issuer":"` + fuzzIssuer + `","jwks_uri":"` + fuzzIssuer + `/jwks"}`,
		fuzzIssuer + "/jwks":                             `{"keys":[` + string(key) + `]}`,
	}
}

func fuzzOptions(answers http.RoundTripper) auth.IssuerOptions {
	return auth.IssuerOptions{URL: fuzzIssuer, Audiences: []string{"a"}, Client: &http.Client{Transport: answers}, Now: fuzzNow, Log: discard}
}

const (
	goodHeader = `{"alg":"ES256","kid":"k"}`
	goodClaims = `{"iss":"` + fuzzIssuer + `","aud":"a","sub":"u","exp":1800000060}`
)

// number reads a claim that is a time; false: there is none.
func number(claims map[string]any, name string) (float64, bool) {
	n, ok := claims[name].(float64)
	return n, ok
}

// FuzzToken tries tokens that somebody made up, and ones that the issuer signed whatever they say.
func FuzzToken(f *testing.F) {
	issuer := auth.NewIssuer(fuzzOptions(fuzzDocuments(f)))
	good := fuzzSign(f, goodHeader, goodClaims)
	if _, err := issuer.Verify(f.Context(), good); err != nil {
		f.Fatal(err)
	}
	signature := good[strings.LastIndexByte(good, '.')+1:]
	for _, signed := range []bool{false, true} {
		f.Add(goodHeader, goodClaims, signature, signed)
		f.Add(`{"alg":"none"}`, `{}`, "", signed)
		f.Add(`{"alg":"HS256","kid":["k"]}`, `{"exp":1e999,"aud":[null]}`, "AA", signed)
		f.Add(`{"alg":"RS256","kid":"rsa","crit":null}`, `{"iss":{},"nbf":-1}`, "!", signed)
	}
	for _, header := range []string{`{"alg":"ES256"}`, `{"alg":"ES256","typ":"application/at+jwt","kid":"k"}`, `{"alg":"ES256","kid":"k","crit":["b64"],"b64":false}`, `{"alg":"ES256","kid":"other"}`} {
		f.Add(header, goodClaims, "", true)
	}
	for _, claims := range []string{
		`{"iss":"https://issuer.test","aud":["b","a"],"sub":"auth0|a/b%2F","exp":1800000000.5,"nbf":1799999999,"iat":1,"name":"Ada","azp":"x"}`,
		`{"iss":"https://issuer.test","aud":"a","sub":"u","SUB":"v","exp":1800000060}`,
		`{"iss":"https://issuer.test/","aud":"a","sub":"u","exp":1800000060}`,
		`{"iss":"https://issuer.test","aud":["b"],"sub":"u","exp":1800000060}`,
		`{"iss":"https://issuer.test","aud":"a","sub":"u\u0000","exp":1800000060}`,
		`{"iss":"https://issuer.test","aud":"a","sub":"u","exp":1799999900}`,
		`{"iss":"https://issuer.test","aud":"a","sub":"u","exp":1800000060,"nbf":1900000000}`,
	} {
		f.Add(goodHeader, claims, "", true)
	}
	f.Fuzz(func(t *testing.T, header, claims, signature string, signed bool) {
		encode := base64.RawURLEncoding.EncodeToString
		token := encode([]byte(header)) + "." + encode([]byte(claims)) + "." + signature
		if signed {
			token = fuzzSign(t, header, claims)
		}
		got, err := issuer.Verify(t.Context(), token)
		if err != nil {
			var fault *submission.Error
			if !errors.As(err, &fault) || fault.Code != submission.Unauthenticated || got != nil {
				t.Errorf("got %v, %v", got, err)
			}
			return
		}
		if !signed && (header != goodHeader || claims != goodClaims) {
			t.Errorf("%q was taken", token)
		}
		// What was taken says the same to a reader who knows nothing but JSON, in which names are as they are written.
		var said map[string]any
		var head struct {
			Alg string `json:"alg"`
		}
		if json.Unmarshal([]byte(claims), &said) != nil || json.Unmarshal([]byte(header), &head) != nil || head.Alg != "ES256" {
			t.Fatalf("%s with %s was taken", header, claims)
		}
		audience, _ := said["aud"].([]any)
		expires, does := number(said, "exp")
		begins, _ := number(said, "nbf")
		switch now := float64(fuzzNow().Unix()); {
		case said["iss"] != fuzzIssuer, said["sub"] != got.Subject, got.Issuer != fuzzIssuer, got.Subject == "", !utf8.ValidString(got.Subject):
			t.Errorf("%s made somebody of %q: %q", claims, got.Issuer, got.Subject)
		case said["aud"] != "a" && !slices.Contains(audience, any("a")):
			t.Errorf("%s is for somebody else", claims)
		case !does || expires < now-31 || begins > now+31:
			t.Errorf("%s is of another time", claims)
		}
	})
}

// FuzzIssuerKeys has an issuer answer with whatever is given. What it does not publish opens no door.
func FuzzIssuerKeys(f *testing.F) {
	for _, set := range []string{
		fuzzDocuments(f)[fuzzIssuer+"/jwks"], `{"keys":[]}`, `{"keys":[null,{},{"kty":"oct","k":"YSBzZWNyZXQ","kid":"k","alg":"HS256"}]}`,
		`{"keys":[{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"},{"kty":"RSA","n":"","e":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AAAA","kid":"k"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"k"},{"kty":"EC","crv":"P-521","x":"AQ","y":"Ag"}]}`,
		strings.Replace(fuzzDocuments(f)[fuzzIssuer+"/jwks"], `"kid"`, `"use":"enc","x5u":"http://127.0.0.1:1/","x5c":["AA"],"kid"`, 1),
	} {
		f.Add(fuzzDocuments(f)[fuzzIssuer+"/.well-known/openid-configuration"], set)
	}
	set := fuzzDocuments(f)[fuzzIssuer+"/jwks"]
	f.Add(`{"issuer":"https://issuer.test","jwks_uri":"http://issuer.test/jwks"}`, set)
	f.Add(`{"issuer":"https://issuer.test","jwks_uri":"https://user@other.test:99/x?y#z"}`, set)
	f.Add(`{"issuer":"https://issuer.test/","jwks_uri":"https://issuer.test/jwks"}`, set)
	f.Add(`{"issuer":"https://issuer.test","jwks_uri":"file:///etc/passwd"}`, set)
	tokens := []string{fuzzSign(f, goodHeader, goodClaims), fuzzSign(f, `{"alg":"ES256"}`, goodClaims)}
	// One that anybody could sign, with an empty secret or one that is published.
	var open []string
	for _, secret := range []string{"", "a secret"} {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": fuzzIssuer, "aud": "a", "sub": "u", "exp": 1_800_000_060})
		token.Header["kid"] = "k"
		text, err := token.SignedString([]byte(secret))
		if err != nil {
			f.Fatal(err)
		}
		open = append(open, text)
	}
	x := public(f, "k", fuzzKey().Public(), false).X
	f.Fuzz(func(t *testing.T, discovery, keys string) {
		var asked []string
		issuer := auth.NewIssuer(fuzzOptions(roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			if r.URL.Scheme != "https" || r.URL.Host == "" || r.Method != http.MethodGet {
				t.Errorf("%s %s was asked", r.Method, r.URL)
			}
			text := keys
			if r.URL.String() == fuzzIssuer+"/.well-known/openid-configuration" {
				text = discovery
			}
			return documents{r.URL.String(): text}.RoundTrip(r)
		})))
		for _, token := range slices.Concat(open, tokens) {
			claims, err := issuer.Verify(t.Context(), token)
			var fault *submission.Error
			switch {
			case err == nil && (slices.Contains(open, token) || claims.Subject != "u" || !strings.Contains(unescaped(keys), x)):
				t.Errorf("%s was taken with the keys %s", token, keys)
			case err != nil && (!errors.As(err, &fault) || fault.Code != submission.Unauthenticated && fault.Code != submission.Unavailable):
				t.Errorf("got %v", err)
			}
		}
		if len(asked) > 4 { // once for want of keys, and once for one that is not among them
			t.Errorf("the issuer was asked %d times: %q", len(asked), asked)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// unescaped gives the strings of a JSON text as they are meant; Base64 may be broken up by line ends.
func unescaped(text string) string {
	var b strings.Builder
	decoder := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return strings.NewReplacer("\n", "", "\r", "", "=", "").Replace(b.String())
		}
		if s, ok := token.(string); ok {
			b.WriteString(s + " ")
		}
	}
}

// inMemory is as much of a directory as authentication needs.
type inMemory struct {
	auth.Directory
	mu       sync.Mutex
	keys     map[auth.Hash]auth.Key
	accounts map[string]auth.Record
}

func (m *inMemory) AddKey(_ context.Context, key auth.Key, _ bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keys[key.Hash] = key
	return nil
}

func (m *inMemory) KeyByHash(_ context.Context, hash auth.Hash) (*auth.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key, ok := m.keys[hash]; ok {
		return &key, nil
	}
	return nil, nil
}

func (m *inMemory) Account(_ context.Context, id string) (*auth.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if record, ok := m.accounts[id]; ok {
		return &record, nil
	}
	return nil, nil
}

func (m *inMemory) EnsureAccount(_ context.Context, record auth.Record) (*auth.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.accounts) > 10_000 {
		clear(m.accounts)
		m.accounts["web"], m.accounts["root"], m.accounts["me"] = auth.Record{ID: "web"}, auth.Record{ID: "root"}, auth.Record{ID: "me"}
	}
	if stored, ok := m.accounts[record.ID]; ok {
		return &stored, nil
	}
	m.accounts[record.ID] = record
	return &record, nil
}

// FuzzCredential tries requests with credentials that are good, made up, or in a wrong place. Nobody becomes somebody
// whose credential they don't show, and who acts for a user has that user's rights at most.
func FuzzCredential(f *testing.F) {
	k := auth.NewKeys(&inMemory{keys: map[auth.Hash]auth.Key{}, accounts: map[string]auth.Record{}}, fuzzNow)
	k.Issuer = auth.NewIssuer(fuzzOptions(fuzzDocuments(f)))
	for secret, key := range map[string]struct {
		account string
		scopes  auth.Scopes
	}{adminKey: {"root", auth.Scopes{auth.Admin}}, actKey: {"web", auth.Scopes{auth.Submit, auth.Read, auth.Act}}, plainKey: {"me", auth.Scopes{auth.Read}}} {
		if err := k.KeepKey(f.Context(), "x", key.account, secret, key.scopes...); err != nil {
			f.Fatal(err)
		}
	}
	token := fuzzSign(f, goodHeader, goodClaims)
	owner, err := try(k, token)
	if err != nil {
		f.Fatal(err)
	}
	holders := map[string]string{adminKey: "root", actKey: "web", plainKey: "me", token: owner.ID}
	for secret := range holders {
		f.Add("X-Auth-Token", secret, "", "alice", "", true)
		f.Add("Authorization", "Bearer "+secret, "", "", "X-Auth-User="+adminKey, false)
		f.Add("X-Rapidapi-Key", secret, "X-Auth-User="+secret, "../x", secret, false)
		f.Add("X", "", "x-auth-token="+url.QueryEscape(secret), "a/b%2F", plainKey, true)
	}
	f.Add("X-Auth-Token", "bad", "", "alice", "", true)
	f.Add("Authorization", "Bearer  x", "X-Auth-Token=%zz;", "", "", false)
	f.Add("X-RapidAPI-Key", "eyJhbGciOiJub25lIn0.e30.", "X-AUTH-TOKEN=a&X-Auth-Token=b", "\xff", "", true)
	f.Fuzz(func(t *testing.T, header, value, query, user, second string, acts bool) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header[http.CanonicalHeaderKey(header)] = []string{value}
		r.URL.RawQuery = query
		if acts {
			r.Header[auth.UserHeader] = []string{user}
		}
		if second != "" {
			r.Header["X-Auth-User"] = []string{second}
		}
		// shown is who the request's credentials are of, wherever they stand.
		shown := map[string]bool{}
		values := []string{value, second}
		for _, given := range r.URL.Query() {
			values = append(values, given...)
		}
		for secret, holder := range holders {
			for _, text := range values {
				// A signature in Base64 has several spellings: who shows what was signed shows the token.
				if strings.Contains(text, secret) || secret == token && strings.Contains(text, token[:strings.LastIndexByte(token, '.')]) {
					shown[holder] = true
				}
			}
		}
		account, err := k.Authenticate(r)
		if err != nil {
			if account.ID != "" || len(account.Scopes) > 0 {
				t.Errorf("%v, and yet %+v", err, account)
			}
			return
		}
		users := r.Header.Values(auth.UserHeader)
		actor, of, acted := strings.Cut(account.ID, "/")
		switch {
		case !shown[actor]:
			t.Fatalf("let in as %+v", account)
		case acted != (len(users) > 0), acted && (actor != "web" && actor != "root" || !account.User || account.May(auth.Admin) || account.May(auth.Act) ||
			strings.NewReplacer("%2F", "/", "%25", "%").Replace(of) != users[0]):
			t.Fatalf("acts as %+v for %q", account, users)
		}
		for _, scope := range []auth.Scope{auth.Submit, auth.Read, auth.Delete, auth.Admin, auth.Act} {
			more, err := k.Authorize(r, account, scope)
			if err != nil {
				continue
			}
			if scope != auth.Read && scope != auth.Delete || more.ID != account.ID || !more.May(scope) || !account.May(auth.Admin) && more.May(auth.Admin) ||
				!shown["root"] && account.ID != owner.ID && !account.May(scope) {
				t.Errorf("%+v became %+v", account, more)
			}
		}
	})
}
