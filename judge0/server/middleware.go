package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

func newToken() string { return uuid.NewString() }

const requestIDHeader = "X-Request-Id"

// observe logs and counts every request. Query parameters are left out: they may hold tokens.
func (s *Server) observe(c *gin.Context) {
	begun := time.Now()
	id := c.GetHeader(requestIDHeader)
	if !plainID(id) {
		id = newToken()
	}
	c.Header(requestIDHeader, id)
	c.Set("request_id", id)
	c.Next()
	took := time.Since(begun)
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	s.o.Metrics.Request(method(c.Request.Method), route, c.Writer.Status(), took)
	level := slog.LevelInfo
	if route == "/healthz" || route == "/readyz" || route == "/metrics" {
		level = slog.LevelDebug
	}
	s.o.Logger.Log(c.Request.Context(), level, "request", "request_id", id, "method", c.Request.Method, "route", route,
		"token", token(c), "status", c.Writer.Status(), "took", took)
}

// createdToken is the name under which a request keeps the token of what it created.
const createdToken = "created_token"

// token is that of the submission that was created, or the one in the path, as logs show it: nothing
// that a client made up.
func token(c *gin.Context) string {
	if created := c.GetString(createdToken); created != "" {
		return created
	}
	if token := c.Param("token"); plainID(token) {
		return token
	}
	return ""
}

func plainID(id string) bool {
	return id != "" && len(id) <= 100 && !strings.ContainsFunc(id, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune("-_.:", c)
	})
}

// method keeps what a client makes up from becoming a label.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}

func (s *Server) log(c *gin.Context) *slog.Logger {
	return s.o.Logger.With("request_id", c.GetString("request_id"), "method", c.Request.Method, "route", c.FullPath())
}

func (s *Server) recover(c *gin.Context) {
	defer func() {
		cause := recover()
		switch {
		case cause == nil:
		case cause == http.ErrAbortHandler:
			panic(cause)
		default:
			s.log(c).Error("a handler panicked", "panic", cause, "stack", string(debug.Stack()))
			c.AbortWithStatus(http.StatusInternalServerError)
		}
	}()
	c.Next()
}

func (s *Server) checkAddress(c *gin.Context) {
	allow, disallow := s.o.Access.AllowIP, s.o.Access.DisallowIP
	if len(allow) == 0 && len(disallow) == 0 {
		return
	}
	address := remoteAddress(c.Request)
	in := func(list []netip.Prefix) bool {
		return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(address) })
	}
	if len(allow) > 0 && !in(allow) || in(disallow) {
		c.AbortWithStatus(http.StatusForbidden)
	}
}

// checkOrigin lets browsers use the API from the origins that may; Judge0 lets all.
func (s *Server) checkOrigin(c *gin.Context) {
	origin := c.GetHeader("Origin")
	if origin == "" {
		return
	}
	allow, disallow := s.o.Access.AllowOrigins, s.o.Access.DisallowOrigins
	if len(allow) > 0 && !hasOrigin(allow, origin) || hasOrigin(disallow, origin) {
		if c.Request.Method == http.MethodOptions {
			c.AbortWithStatus(http.StatusForbidden)
		}
		return
	}
	if len(allow) > 0 || len(disallow) > 0 {
		c.Header("Access-Control-Allow-Origin", origin)
		c.Writer.Header().Add("Vary", "Origin")
	} else {
		c.Header("Access-Control-Allow-Origin", "*")
	}
	if c.Request.Method == http.MethodOptions && c.GetHeader("Access-Control-Request-Method") != "" {
		c.Header("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE, OPTIONS, HEAD")
		if headers := c.GetHeader("Access-Control-Request-Headers"); headers != "" {
			c.Header("Access-Control-Allow-Headers", headers)
		}
		c.Header("Access-Control-Max-Age", "7200")
		c.AbortWithStatus(http.StatusOK)
	}
}

// hasOrigin tells whether origin is in the list. As in Judge0 an entry without a scheme stands for any,
// and * for every origin.
func hasOrigin(list []string, origin string) bool {
	_, host, _ := strings.Cut(origin, "://")
	return slices.ContainsFunc(list, func(entry string) bool {
		return entry == "*" || strings.EqualFold(entry, origin) || host != "" && strings.EqualFold(entry, host)
	})
}

// tokens are hashes: comparing them takes the same time whatever is given, its length included.
type tokens [][sha256.Size]byte

func hashAll(list []string) tokens {
	var hashes tokens
	for _, token := range list {
		if token != "" {
			hashes = append(hashes, sha256.Sum256([]byte(token)))
		}
	}
	return hashes
}

func (t tokens) has(given string) bool {
	hash := sha256.Sum256([]byte(given))
	found := 0
	for i := range t {
		found |= subtle.ConstantTimeCompare(hash[:], t[i][:])
	}
	return given != "" && found == 1
}

func given(c *gin.Context, name string) string {
	if value := c.GetHeader(name); value != "" {
		return value
	}
	return c.Query(name)
}

func (s *Server) authenticate(c *gin.Context) {
	if len(s.authn) > 0 && !s.authn.has(given(c, s.o.Access.AuthnHeader)) {
		c.AbortWithStatus(http.StatusUnauthorized)
	}
}

// authenticateScraper lets in also who gives the token as a bearer: Prometheus can send no header of
// another name.
func (s *Server) authenticateScraper(c *gin.Context) {
	scheme, token, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") && s.authn.has(token) {
		return
	}
	s.authenticate(c)
}

func (s *Server) authorize(c *gin.Context) {
	if !s.authz.has(given(c, s.o.Access.AuthzHeader)) {
		c.AbortWithStatus(http.StatusForbidden)
	}
}
