package auth

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"

	"github.com/sandgate/sandgate/gateway/submission"
)

// How keys of an issuer are fetched. Tokens are verified with those that were fetched last, for as
// long as the issuer can't be reached.
const (
	refreshKeys   = 10 * time.Minute
	retryKeys     = 30 * time.Second // after a failure
	unknownFloor  = 30 * time.Second // between fetches for keys that tokens name and nobody knows
	noKeysFloor   = 2 * time.Second  // the same while there are no keys at all
	fetchTime     = 5 * time.Second  // of one document
	maxKeySet     = 1 << 20          // bytes of one document
	maxIssuerKeys = 100
	maxSubject    = 255
	clockSkew     = 30 * time.Second
)

// signatures are the algorithms that are taken: none that the public key alone could sign with.
var signatures = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// IssuerOptions say whose JWTs are taken. Audiences or Parties must be given, or any application's
// token of the issuer would do.
type IssuerOptions struct {
	URL       string   // of the issuer, as the claim iss has it
	Audiences []string // one of them must be in aud; empty: not looked at
	Parties   []string // azp must be one of them; empty: not looked at
	KeysURL   string   // of the JWKS; "": it is asked of the issuer by OpenID Connect discovery
	Client    *http.Client
	Now       func() time.Time
	Log       *slog.Logger
}

// Issuer verifies the JWTs of an OpenID Connect issuer. Its methods may be called from any goroutine.
type Issuer struct {
	options IssuerOptions
	parser  *jwt.Parser

	mu       sync.Mutex
	keys     *keySet       // nil until some were fetched
	asked    time.Time     // when a token that nobody's key fits last made the keys be fetched
	missed   time.Time     // when a token last did while there were none
	fetching chan struct{} // closed when the fetch that is under way has ended; nil: none is
}

type keySet struct {
	keyfunc.Keyfunc
	at time.Time
}

// Claims are what is read of a token.
type Claims struct {
	jwt.RegisteredClaims
	Party             string `json:"azp"`
	Name              string `json:"name"`
	PreferredUsername string `json:"preferred_username"`
}

// claimNames are the names of the claims that are read.
var claimNames = func() (names []string) {
	for _, field := range reflect.VisibleFields(reflect.TypeFor[Claims]()) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}()

// UnmarshalJSON reads claims by their names as they are written: encoding/json alone takes "SUB" for "sub", and an
// issuer that signs what its users choose of other names did not mean that.
func (c *Claims) UnmarshalJSON(text []byte) error {
	var said map[string]json.RawMessage
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	maps.DeleteFunc(said, func(name string, _ json.RawMessage) bool { return !slices.Contains(claimNames, name) })
	exact, err := json.Marshal(said)
	if err != nil {
		return err
	}
	type plain Claims
	return json.Unmarshal(exact, (*plain)(c))
}

// label names the person in lists, as far as the token does.
func (c *Claims) label() string {
	for _, name := range []string{c.Name, c.PreferredUsername} {
		if plainName(name, maxLabel) {
			return name
		}
	}
	return ""
}

// NewIssuer makes an Issuer that has no keys yet.
func NewIssuer(options IssuerOptions) *Issuer {
	if options.Client == nil {
		options.Client = &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: 64 << 10, TLSHandshakeTimeout: fetchTime, IdleConnTimeout: time.Minute,
		}}
	}
	client := *options.Client
	client.Timeout = fetchTime
	// Where the keys are is the issuer's to say, in its documents alone.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	options.Client = &client
	rules := []jwt.ParserOption{
		jwt.WithValidMethods(signatures), jwt.WithIssuer(options.URL), jwt.WithExpirationRequired(), jwt.WithLeeway(clockSkew), jwt.WithTimeFunc(options.Now),
	}
	if len(options.Audiences) > 0 {
		rules = append(rules, jwt.WithAudience(options.Audiences...))
	}
	return &Issuer{options: options, parser: jwt.NewParser(rules...)}
}

// looksLikeJWT tells a token from an API key: it is three parts, of which the first is a JSON object.
func looksLikeJWT(text string) bool {
	return strings.HasPrefix(text, "ey") && strings.Count(text, ".") == 2
}

// accountOfSubject names the account of a subject. Issuers are told apart, whatever a subject is.
func accountOfSubject(issuer, subject string) string {
	sum := sha256.Sum256([]byte(issuer))
	return "jwt:" + hex.EncodeToString(sum[:8]) + ":" + escaped.Replace(subject)
}

var (
	errToken  = submission.Errorf(submission.Unauthenticated, "the token is not valid")
	errNoKeys = &submission.Error{Code: submission.Unavailable, Message: "the keys of the token's issuer can't be had now", RetryAfter: noKeysFloor}
)

// Verify gives the claims of a token. Its errors are Unauthenticated, or Unavailable while no keys of
// the issuer could be fetched. A key that is not known makes the keys be fetched, once in a while.
func (i *Issuer) Verify(ctx context.Context, token string) (*Claims, error) {
	keys := i.current()
	if keys == nil {
		if keys = i.newer(ctx, nil); keys == nil {
			return nil, errNoKeys
		}
	}
	claims, err := i.verify(token, keys)
	// A fetch that was under way may have begun before the issuer had the key: hence twice.
	for attempt := 0; attempt < 2 && errors.Is(err, errUnknownKey); attempt++ {
		newer := i.newer(ctx, keys)
		if newer == keys {
			break
		}
		keys = newer
		claims, err = i.verify(token, keys)
	}
	if err != nil {
		return nil, &submission.Error{Code: submission.Unauthenticated, Message: errToken.Message, Err: err}
	}
	return claims, nil
}

var errUnknownKey = errors.New("no key of the issuer's fits")

func (i *Issuer) verify(token string, keys *keySet) (*Claims, error) {
	claims := &Claims{}
	read, err := i.parser.ParseWithClaims(token, claims, func(t *jwt.Token) (any, error) {
		if claims.Issuer != i.options.URL {
			return nil, jwt.ErrTokenInvalidIssuer
		}
		if _, critical := t.Header["crit"]; critical {
			return nil, errors.New("it has extensions that must be understood")
		}
		kind, _ := t.Header["typ"].(string)
		if kind = strings.TrimPrefix(strings.ToLower(kind), "application/"); !slices.Contains([]string{"", "jwt", "at+jwt"}, kind) {
			return nil, fmt.Errorf("it is of the type %q", kind)
		}
		key, err := keys.Keyfunc.Keyfunc(t)
		if errors.Is(err, jwkset.ErrKeyNotFound) {
			return nil, errUnknownKey
		}
		return key, err
	})
	switch {
	case errors.Is(err, jwt.ErrTokenSignatureInvalid) && claims.Issuer == i.options.URL && slices.Contains(signatures, read.Method.Alg()):
		// There are issuers that don't name their keys, or give a new one the old name.
		return nil, errors.Join(err, errUnknownKey)
	case err != nil:
		return nil, err
	case len(i.options.Parties) > 0 && !slices.Contains(i.options.Parties, claims.Party):
		return nil, fmt.Errorf("azp is %q", claims.Party)
	case !plainName(claims.Subject, maxSubject):
		return nil, errors.New("it has no usable subject")
	}
	return claims, nil
}

func (i *Issuer) current() *keySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.keys
}

// newer gives keys that were fetched after those given, or the same where it is too early to fetch
// again or the issuer can't be reached. One caller fetches, others wait for it.
func (i *Issuer) newer(ctx context.Context, than *keySet) *keySet {
	i.mu.Lock()
	if i.keys != than {
		defer i.mu.Unlock()
		return i.keys
	}
	if under := i.fetching; under != nil {
		i.mu.Unlock()
		select {
		case <-under:
		case <-ctx.Done():
		}
		return i.current()
	}
	last, floor := &i.asked, unknownFloor
	if than == nil {
		last, floor = &i.missed, noKeysFloor
	}
	if now := i.options.Now(); last.IsZero() || now.Sub(*last) >= floor {
		*last = now
		i.mu.Unlock()
		// The keys are for others too, whether or not this client stays.
		_ = i.refresh(context.WithoutCancel(ctx))
		return i.current()
	}
	defer i.mu.Unlock()
	return i.keys
}

// Keep fetches the keys now and then, until ctx ends.
func (i *Issuer) Keep(ctx context.Context) {
	for {
		next := refreshKeys
		if i.refresh(ctx) != nil {
			next = retryKeys
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// Age tells how old the keys are; 0 while there are none.
func (i *Issuer) Age() time.Duration {
	keys := i.current()
	if keys == nil {
		return 0
	}
	return i.options.Now().Sub(keys.at)
}

// refresh fetches the keys. Those of before stay where that fails.
func (i *Issuer) refresh(ctx context.Context) error {
	i.mu.Lock()
	if under := i.fetching; under != nil {
		i.mu.Unlock()
		<-under
		return nil
	}
	done := make(chan struct{})
	i.fetching = done
	i.mu.Unlock()
	fetched, err := i.fetch(ctx)
	i.mu.Lock()
	if err == nil {
		i.keys = fetched
	}
	i.fetching = nil
	i.mu.Unlock()
	close(done)
	if err != nil && ctx.Err() == nil {
		i.options.Log.Warn("the keys of the JWT issuer could not be fetched", "issuer", i.options.URL, "error", err)
	}
	return err
}

func (i *Issuer) fetch(ctx context.Context) (*keySet, error) {
	address := i.options.KeysURL
	if address == "" {
		var document struct {
			Issuer  string `json:"issuer"`
			KeysURL string `json:"jwks_uri"`
		}
		if err := i.document(ctx, strings.TrimSuffix(i.options.URL, "/")+"/.well-known/openid-configuration", &document); err != nil {
			return nil, err
		}
		from, _ := url.Parse(i.options.URL)
		to, err := url.Parse(document.KeysURL)
		switch {
		case document.Issuer != i.options.URL:
			return nil, fmt.Errorf("the discovery document is of the issuer %q", document.Issuer)
		case err != nil || to.Host == "" || to.Scheme != "https" && (to.Scheme != "http" || from.Scheme != "http"):
			return nil, fmt.Errorf("the discovery document gives no usable address of the keys: %q", document.KeysURL)
		}
		address = document.KeysURL
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := i.document(ctx, address, &set); err != nil {
		return nil, err
	}
	store := jwkset.NewMemoryStorage()
	usable := 0
	for _, raw := range set.Keys[:min(len(set.Keys), maxIssuerKeys)] {
		key, err := publicKey(raw)
		if err != nil {
			// One key that can't be read is no reason to refuse what the others signed.
			i.options.Log.Debug("a key of the JWT issuer is not used", "issuer", i.options.URL, "error", err)
			continue
		}
		if err := store.KeyWrite(ctx, key); err != nil {
			return nil, err
		}
		usable++
	}
	if usable == 0 {
		return nil, errors.New("the issuer has no usable keys")
	}
	found, err := keyfunc.New(keyfunc.Options{Storage: store})
	return &keySet{found, i.options.Now()}, err
}

// publicKey reads a key that signatures can be checked with.
func publicKey(raw json.RawMessage) (jwkset.JWK, error) {
	var key jwkset.JWKMarshal
	if err := json.Unmarshal(raw, &key); err != nil {
		return jwkset.JWK{}, err
	}
	if key.KTY == jwkset.KtyOct || key.USE == jwkset.UseEnc {
		return jwkset.JWK{}, fmt.Errorf("it is of the kind %q for the use %q", key.KTY, key.USE)
	}
	// Certificates are not looked at; their addresses least of all.
	key.X5C, key.X5T, key.X5TS256, key.X5U = nil, "", "", ""
	return jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
}

// document reads JSON from the issuer.
func (i *Issuer) document(ctx context.Context, address string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "application/json")
	response, err := i.options.Client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", address, response.Status)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	if err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	if len(text) > maxKeySet {
		return fmt.Errorf("%s answered more than %d bytes", address, maxKeySet)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", address, err)
	}
	return nil
}
