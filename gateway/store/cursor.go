// Package store has what the gateway's stores share. The stores themselves are the packages below it;
// storetest is the suite of tests that each of them passes.
package store

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sandgate/sandgate/gateway/submission"
)

// Cursor is a place in a list that goes from the newest submission to the oldest: the next page begins
// after it. Clients get it as a text that means nothing to them. It gives no rights: a list is always
// one account's, whatever the cursor.
type Cursor struct {
	At    int64 // microseconds since 1970
	Seq   int64
	Token string
}

// Newest is the cursor of the first page.
var Newest = Cursor{math.MaxInt64, math.MaxInt64, ""}

// String is how a client gets the cursor.
func (c Cursor) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %s", c.At, c.Seq, c.Token))
}

// ParseCursor reads what String wrote; "" is Newest. What can't be read is an Error Malformed.
func ParseCursor(text string) (Cursor, error) {
	if text == "" {
		return Newest, nil
	}
	var c Cursor
	plain, err := base64.RawURLEncoding.DecodeString(text)
	parts := strings.SplitN(string(plain), " ", 3)
	if err != nil || len(parts) != 3 || len(parts[2]) > 255 {
		return c, errCursor
	}
	at, err1 := strconv.ParseInt(parts[0], 10, 64)
	seq, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil {
		return c, errCursor
	}
	return Cursor{at, seq, parts[2]}, nil
}

var errCursor = submission.Errorf(submission.Malformed, "the cursor can't be read")
