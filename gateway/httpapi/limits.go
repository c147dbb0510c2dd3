package httpapi

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/clientip"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/submission"
)

// Limits say how fast requests may come: from an address, of an account, with a key. Without Buckets
// they may come as fast as they like.
type Limits struct {
	Buckets limit.Buckets
	Address limit.Rate
	Key     limit.Rate
	Bounds  func(ctx context.Context) limit.Bounds // of the account that ctx carries
	Refused func(kind string)                      // address, account or key

	address func(*http.Request) netip.Addr
}

// The fields of an answer that tell of limits: those that clients know from other services, and those
// of the present draft of the standard (draft-ietf-httpapi-ratelimit-headers).
const limitHeaders = "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, RateLimit, RateLimit-Policy"

var tooMany = map[string]string{
	"address": "too many requests from this address",
	"account": "too many requests of this account",
	"key":     "too many requests with this API key",
}

// open lets requests in that nobody has to be known for.
func (l *Limits) open(c *gin.Context) {
	if err := l.admit(c); err != nil {
		_ = c.Error(err)
		c.Abort()
	}
}

// admit takes a request's token from the bucket of its address and, if the request's context carries
// an account, from that of the account and of the key. It answers how far they are, and gives an error
// with the code TooMany if one of them is empty.
func (l *Limits) admit(c *gin.Context) error {
	if l.Buckets == nil {
		return nil
	}
	kinds, buckets := make([]string, 0, 3), make([]limit.Bucket, 0, 3)
	add := func(kind, name string, rate limit.Rate) {
		if rate.Limited() && name != "" {
			kinds, buckets = append(kinds, kind), append(buckets, limit.Bucket{Name: kind + ":" + name, Rate: rate})
		}
	}
	if l.Address.Limited() {
		add("address", clientip.Network(l.address(c.Request)).String(), l.Address)
	}
	if account, known := auth.AccountOf(c.Request.Context()); known {
		add("account", account.ID, l.Bounds(c.Request.Context()).Rate)
		add("key", account.KeyID, l.Key)
	}
	if len(buckets) == 0 {
		return nil
	}
	states := l.Buckets.Take(c.Request.Context(), buckets...)
	tightest := 0
	var policies, fields strings.Builder
	for i, s := range states {
		size := buckets[i].Rate.Size()
		if i > 0 {
			policies.WriteString(", ")
			fields.WriteString(", ")
		}
		fmt.Fprintf(&policies, "%q;q=%d;w=%d", kinds[i], size, seconds(buckets[i].Rate.Window()))
		fmt.Fprintf(&fields, "%q;r=%d;t=%d", kinds[i], s.Remaining, seconds(s.Reset))
		if other := states[tightest]; s.Retry > other.Retry || s.Retry == other.Retry && s.Remaining < other.Remaining {
			tightest = i
		}
	}
	s, header := states[tightest], c.Writer.Header()
	header.Set("RateLimit-Limit", strconv.Itoa(buckets[tightest].Rate.Size()))
	header.Set("RateLimit-Remaining", strconv.Itoa(s.Remaining))
	header.Set("RateLimit-Reset", strconv.Itoa(seconds(s.Reset)))
	header.Set("RateLimit", fields.String())
	header.Set("RateLimit-Policy", policies.String())
	if s.Retry == 0 {
		return nil
	}
	l.Refused(kinds[tightest])
	return &submission.Error{Code: submission.TooMany, Message: tooMany[kinds[tightest]] + ": slow down", RetryAfter: s.Retry}
}

// seconds rounds up: after so many, it is true.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
