package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/submission"
)

var discard = slog.New(slog.DiscardHandler)

// rsaKey is made once: that takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// provider is an OpenID Connect issuer on a real port.
type provider struct {
	t      testing.TB
	server *httptest.Server

	mu       sync.Mutex
	keys     []jwkset.JWKMarshal
	answer   func(w http.ResponseWriter, r *http.Request) bool // instead; false: as usual
	fetched  atomic.Int32                                      // of the keys
	enter    chan struct{}                                     // told of each fetch of the keys, if set
	carryOn  chan struct{}
	discover atomic.Int32
}

func provide(t testing.TB) *provider {
	p := &provider{t: t}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		answer, keys, enter, carryOn := p.answer, p.keys, p.enter, p.carryOn
		p.mu.Unlock()
		if r.URL.Path == "/jwks" {
			p.fetched.Add(1)
			if enter != nil {
				enter <- struct{}{}
				<-carryOn
			}
		}
		if answer != nil && answer(w, r) {
			return
		}
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			p.discover.Add(1)
			_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.url(), "jwks_uri": p.url() + "/jwks"})
		case "/jwks":
			_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys})
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(p.server.Close)
	return p
}

func (p *provider) url() string { return p.server.URL }

// publish makes the issuer's keys these.
func (p *provider) publish(keys ...jwkset.JWKMarshal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = keys
}

func (p *provider) set(answer func(w http.ResponseWriter, r *http.Request) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func public(t testing.TB, kid string, key any, private bool) jwkset.JWKMarshal {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: kid}, Marshal: jwkset.JWKMarshalOptions{Private: private}})
	if err != nil {
		t.Fatal(err)
	}
	return jwk.Marshal()
}

// trust makes Keys that take the provider's tokens.
func trust(t *testing.T, p *provider, change func(*auth.IssuerOptions)) *bundle {
	b := start(t)
	o := auth.IssuerOptions{URL: p.url(), Audiences: []string{"sandgate"}, Now: b.now, Log: discard}
	if change != nil {
		change(&o)
	}
	b.Issuer = auth.NewIssuer(o)
	return b
}

// claims are good ones, with some changed; nil takes one out.
func (p *provider) claims(b *bundle, changes ...jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"iss": p.url(), "sub": "user_1", "aud": "sandgate", "azp": "https://app.example", "name": "Ada",
		"exp": b.now().Add(time.Minute).Unix(), "iat": b.now().Unix(), "nbf": b.now().Unix(),
	}
	for _, change := range changes {
		maps.Copy(c, change)
		maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	}
	return c
}

func sign(t testing.TB, method jwt.SigningMethod, key any, kid string, claims jwt.MapClaims, header ...string) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	if kid != "" {
		token.Header["kid"] = kid
	}
	for i := 0; i < len(header); i += 2 {
		token.Header[header[i]] = header[i+1]
	}
	text, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokensOfAnIssuer(t *testing.T) {
	t.Parallel()
	p := provide(t)
	ec, stranger := ecKey(t), ecKey(t)
	edPublic, ed, _ := ed25519.GenerateKey(rand.Reader)
	_ = edPublic
	p.publish(
		public(t, "rsa", rsaKey().Public(), false), public(t, "ec", ec.Public(), false), public(t, "ed", ed.Public(), false),
		public(t, "shared", []byte("a secret that anybody can read!!"), true),
		jwkset.JWKMarshal{KTY: "EC", CRV: "secp256k1", KID: "odd", X: "AA", Y: "AA"}, jwkset.JWKMarshal{KTY: "RSA", KID: "broken"},
		jwkset.JWKMarshal{KTY: "RSA", KID: "cert", X5U: "http://127.0.0.1:1/cert", N: public(t, "x", rsaKey().Public(), false).N, E: "AQAB"},
	)
	b := trust(t, p, nil)
	es := func(changes ...jwt.MapClaims) string {
		return sign(t, jwt.SigningMethodES256, ec, "ec", p.claims(b, changes...))
	}
	now := b.now()
	der, _ := x509.MarshalPKIXPublicKey(rsaKey().Public())
	rsaPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"ec"}`)) + es()[strings.IndexByte(es(), '.'):]
	withoutSignature := none[:strings.LastIndexByte(none, '.')+1]
	good := es()
	for what, tc := range map[string]struct {
		token string
		ok    bool
	}{
		"EC":                       {good, true},
		"RSA":                      {sign(t, jwt.SigningMethodRS256, rsaKey(), "rsa", p.claims(b)), true},
		"RSA-PSS":                  {sign(t, jwt.SigningMethodPS384, rsaKey(), "rsa", p.claims(b)), true},
		"Ed25519":                  {sign(t, jwt.SigningMethodEdDSA, ed, "ed", p.claims(b)), true},
		"no kid":                   {sign(t, jwt.SigningMethodES256, ec, "", p.claims(b)), true},
		"access token":             {sign(t, jwt.SigningMethodES256, ec, "ec", p.claims(b), "typ", "at+jwt"), true},
		"aud among others":         {es(jwt.MapClaims{"aud": []string{"x", "sandgate"}}), true},
		"just expired":             {es(jwt.MapClaims{"exp": now.Add(-29 * time.Second).Unix()}), true},
		"nearly valid":             {es(jwt.MapClaims{"nbf": now.Add(29 * time.Second).Unix()}), true},
		"odd subject":              {es(jwt.MapClaims{"sub": "auth0|a/b%2Fc"}), true},
		"alg none":                 {none, false},
		"alg none, no signature":   {withoutSignature, false},
		"no signature":             {good[:strings.LastIndexByte(good, '.')+1], false},
		"another key":              {sign(t, jwt.SigningMethodES256, stranger, "ec", p.claims(b)), false},
		"another key, no kid":      {sign(t, jwt.SigningMethodES256, stranger, "", p.claims(b)), false},
		"HMAC with the public key": {sign(t, jwt.SigningMethodHS256, rsaPEM, "rsa", p.claims(b)), false},
		"HMAC with its DER":        {sign(t, jwt.SigningMethodHS256, der, "rsa", p.claims(b)), false},
		"HMAC with a shared key":   {sign(t, jwt.SigningMethodHS256, []byte("a secret that anybody can read!!"), "shared", p.claims(b)), false},
		"wrong kind of key":        {sign(t, jwt.SigningMethodES256, ec, "rsa", p.claims(b)), false},
		"unknown kid":              {sign(t, jwt.SigningMethodES256, ec, "nobody", p.claims(b)), false},
		"kid of a path":            {sign(t, jwt.SigningMethodES256, ec, "../../../dev/null", p.claims(b)), false},
		"kid of SQL":               {sign(t, jwt.SigningMethodES256, ec, "x' OR '1'='1", p.claims(b)), false},
		"jku":                      {sign(t, jwt.SigningMethodES256, stranger, "stranger", p.claims(b), "jku", p.url()+"/jwks"), false},
		"crit":                     {sign(t, jwt.SigningMethodES256, ec, "ec", p.claims(b), "crit", "b64"), false},
		"logout token":             {sign(t, jwt.SigningMethodES256, ec, "ec", p.claims(b), "typ", "logout+jwt"), false},
		"wrong iss":                {es(jwt.MapClaims{"iss": "https://evil.example"}), false},
		"iss with a slash":         {es(jwt.MapClaims{"iss": p.url() + "/"}), false},
		"no iss":                   {es(jwt.MapClaims{"iss": nil}), false},
		"wrong aud":                {es(jwt.MapClaims{"aud": "other"}), false},
		"no aud":                   {es(jwt.MapClaims{"aud": nil}), false},
		"expired":                  {es(jwt.MapClaims{"exp": now.Add(-31 * time.Second).Unix()}), false},
		"for ever":                 {es(jwt.MapClaims{"exp": nil}), false},
		"exp of no kind":           {es(jwt.MapClaims{"exp": "tomorrow"}), false},
		"not yet valid":            {es(jwt.MapClaims{"nbf": now.Add(31 * time.Second).Unix()}), false},
		"no subject":               {es(jwt.MapClaims{"sub": nil}), false},
		"subject with a control":   {es(jwt.MapClaims{"sub": "a\x00b"}), false},
		"long subject":             {es(jwt.MapClaims{"sub": strings.Repeat("x", 256)}), false},
		"subject in capitals":      {es(jwt.MapClaims{"sub": nil, "SUB": "user_1"}), false},
		"huge":                     {es(jwt.MapClaims{"x": strings.Repeat("x", 20_000)}), false},
		"four parts":               {good + ".x", false},
		"white space":              {" " + good, false},
	} {
		account, err := try(b.Keys, tc.token)
		switch {
		case tc.ok && (err != nil || !strings.HasPrefix(account.ID, "jwt:") || account.Scopes.String() != "submit read delete" || account.KeyID != "" || !account.MayManageKeys()):
			t.Errorf("%s: got %+v, %v", what, account, err)
		case !tc.ok && !refused(err, submission.Unauthenticated):
			t.Errorf("%s: got %+v, %v", what, account, err)
		}
	}
	if n := p.fetched.Load(); n > 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	account, _ := try(b.Keys, good)
	record, err := b.Record(t.Context(), account.ID)
	if err != nil || record.Issuer != p.url() || record.Subject != "user_1" || record.Name != "Ada" || !strings.HasSuffix(account.ID, ":user_1") {
		t.Errorf("got %+v, %v", record, err)
	}
	other, err := try(b.Keys, es(jwt.MapClaims{"Sub": "user_2", "SUB": "user_2"}))
	if err != nil || other.ID != account.ID {
		t.Errorf("another claim was taken for the subject: %+v, %v", other, err)
	}
	odd, err := try(b.Keys, es(jwt.MapClaims{"sub": "auth0|a/b%2Fc"}))
	if err != nil || !strings.HasSuffix(odd.ID, ":auth0|a%2Fb%252Fc") {
		t.Errorf("got %+v, %v", odd, err)
	}
	if _, err := b.Authenticate(request(good, auth.UserHeader, "alice")); !refused(err, submission.Forbidden) {
		t.Errorf("a user who acts for another: %v", err)
	}
	if _, err := b.SetAccount(t.Context(), operator, auth.Record{ID: account.ID, Disabled: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := try(b.Keys, good); !refused(err, submission.Forbidden) {
		t.Errorf("a user who is disabled: %v", err)
	}
}

func TestAuthorizedParties(t *testing.T) {
	t.Parallel()
	p, key := provide(t), ecKey(t)
	p.publish(public(t, "k", key.Public(), false))
	b := trust(t, p, func(o *auth.IssuerOptions) {
		o.Audiences, o.Parties, o.KeysURL = nil, []string{"https://app.example", "https://b.example"}, p.url()+"/jwks"
	})
	for party, ok := range map[any]bool{"https://app.example": true, "https://b.example": true, "https://evil.example": false, "": false, nil: false, 7: false} {
		_, err := try(b.Keys, sign(t, jwt.SigningMethodES256, key, "k", p.claims(b, jwt.MapClaims{"aud": nil, "azp": party})))
		if ok != (err == nil) {
			t.Errorf("%v: %v", party, err)
		}
	}
	if p.discover.Load() != 0 {
		t.Error("the address of the keys was given, and yet asked for")
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	p, first, second := provide(t), ecKey(t), ecKey(t)
	p.publish(public(t, "1", first.Public(), false))
	b := trust(t, p, nil)
	token := func(key crypto.Signer, kid string) string {
		return sign(t, jwt.SigningMethodES256, key, kid, p.claims(b, jwt.MapClaims{"exp": b.now().Add(time.Hour).Unix()}))
	}
	before := token(first, "1")
	if _, err := try(b.Keys, before); err != nil {
		t.Fatal(err)
	}
	p.publish(public(t, "1", first.Public(), false), public(t, "2", second.Public(), false))
	// At once, for all who come at the same time, and with one fetch.
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := try(b.Keys, token(second, "2")); err != nil {
				t.Errorf("with the new key: %v", err)
			}
		})
	}
	wg.Wait()
	if n := p.fetched.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	// Made-up keys don't make the issuer be asked again and again.
	for i := range 50 {
		if _, err := try(b.Keys, token(second, fmt.Sprint("made up ", i))); !refused(err, submission.Unauthenticated) {
			t.Errorf("got %v", err)
		}
	}
	if n := p.fetched.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times", n)
	}
	p.publish(public(t, "2", second.Public(), false))
	b.advance(auth.UnknownFloor)
	if _, err := try(b.Keys, token(second, "made up")); err == nil || p.fetched.Load() != 3 {
		t.Errorf("after a while: %v, fetched %d times", err, p.fetched.Load())
	}
	if _, err := try(b.Keys, before); !refused(err, submission.Unauthenticated) {
		t.Errorf("a token of a key that the issuer took back: %v", err)
	}
	// The same name for another key.
	third := ecKey(t)
	p.publish(public(t, "2", third.Public(), false))
	b.advance(auth.UnknownFloor)
	if _, err := try(b.Keys, token(third, "2")); err != nil {
		t.Errorf("a new key under the old name: %v", err)
	}
}

func TestAFetchThatBeganTooEarly(t *testing.T) {
	t.Parallel()
	p, first, second := provide(t), ecKey(t), ecKey(t)
	p.publish(public(t, "1", first.Public(), false))
	b := trust(t, p, nil)
	if _, err := try(b.Keys, sign(t, jwt.SigningMethodES256, first, "1", p.claims(b))); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.enter, p.carryOn = make(chan struct{}), make(chan struct{})
	p.mu.Unlock()
	refreshed := make(chan struct{})
	go func() { defer close(refreshed); b.Issuer.Keep(t.Context()) }()
	<-p.enter // the fetch has the old keys
	p.mu.Lock()
	enter, carryOn := p.enter, p.carryOn
	p.enter = nil
	p.mu.Unlock()
	_ = enter
	p.publish(public(t, "2", second.Public(), false))
	tried := make(chan error)
	go func() {
		_, err := try(b.Keys, sign(t, jwt.SigningMethodES256, second, "2", p.claims(b)))
		tried <- err
	}()
	carryOn <- struct{}{}
	if err := <-tried; err != nil {
		t.Errorf("got %v", err)
	}
}

func TestIssuerIsAway(t *testing.T) {
	t.Parallel()
	p, key := provide(t), ecKey(t)
	p.publish(public(t, "k", key.Public(), false))
	away := func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	p.set(away)
	b := trust(t, p, nil)
	b.Failures = 1
	token := func() string { return sign(t, jwt.SigningMethodES256, key, "k", p.claims(b)) }
	for range 3 {
		if _, err := try(b.Keys, token()); !refused(err, submission.Unavailable) {
			t.Errorf("before any key was fetched: %v", err)
		}
	}
	_, secret := b.create("me", auth.Read)
	if _, err := try(b.Keys, secret); err != nil {
		t.Errorf("an API key meanwhile: %v", err)
	}
	p.set(nil)
	b.advance(2 * time.Second)
	if _, err := try(b.Keys, token()); err != nil {
		t.Fatal(err)
	}
	for what, answer := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"an error": away,
		"no keys": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/jwks" {
				_, _ = w.Write([]byte(`{"keys":[]}`))
			}
			return r.URL.Path == "/jwks"
		},
		"no JSON": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write([]byte("<html>")); return true },
		"endless": func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(`{"keys":[],"issuer":"` + p.url() + `","x":"`))
			for range 3 << 20 / 1024 {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					break
				}
			}
			return true
		},
		"somebody else's document": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/jwks" {
				_, _ = w.Write([]byte(`{"issuer":"https://evil.example","jwks_uri":"` + p.url() + `/jwks"}`))
			}
			return r.URL.Path != "/jwks"
		},
		"keys in a file": func(w http.ResponseWriter, r *http.Request) bool {
			_, _ = w.Write([]byte(`{"issuer":"` + p.url() + `","jwks_uri":"file:///etc/passwd"}`))
			return true
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return true
			}
			t.Error("a redirect was followed")
			return false
		},
	} {
		p.set(answer)
		b.advance(auth.UnknownFloor)
		if _, err := try(b.Keys, sign(t, jwt.SigningMethodES256, key, "made up", p.claims(b))); err == nil {
			t.Errorf("%s: a key that is made up was taken", what)
		}
		if _, err := try(b.Keys, token()); err != nil {
			t.Errorf("%s: with the keys of before: %v", what, err)
		}
	}
}

func TestClerk(t *testing.T) {
	t.Parallel()
	p := provide(t)
	p.publish(public(t, "ins_2abc", rsaKey().Public(), false))
	b := trust(t, p, func(o *auth.IssuerOptions) { o.Audiences, o.Parties = nil, []string{"http://localhost:3000"} })
	token := sign(t, jwt.SigningMethodRS256, rsaKey(), "ins_2abc", p.claims(b, jwt.MapClaims{
		"aud": nil, "name": nil, "azp": "http://localhost:3000", "sub": "user_2NNEqL2nrIRdJ194ndJqAHwEfxC", "sid": "sess_2x", "fva": []int{0, -1}, "v": 2, "sts": "active",
	}), "cat", "cl_B7d4PD111AAA")
	r := request("")
	r.Header.Set("Authorization", "Bearer "+token)
	account, err := b.Authenticate(r)
	if err != nil || !strings.HasSuffix(account.ID, ":user_2NNEqL2nrIRdJ194ndJqAHwEfxC") {
		t.Errorf("got %+v, %v", account, err)
	}
}

func TestWithoutAnIssuerNoTokenIsTaken(t *testing.T) {
	t.Parallel()
	b := start(t)
	p, key := provide(t), ecKey(t)
	if _, err := try(b.Keys, sign(t, jwt.SigningMethodES256, key, "k", p.claims(b))); !refused(err, submission.Unauthenticated) {
		t.Errorf("got %v", err)
	}
}
