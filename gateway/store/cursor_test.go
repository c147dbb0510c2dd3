package store

import (
	"errors"
	"testing"

	"github.com/sandgate/sandgate/gateway/submission"
)

// FuzzCursor reads what clients may send as a cursor: it is refused in plain words, or it is a place that
// is written and read again as the same.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "nonsense", Newest.String(), Cursor{1, -2, "a b"}.String(), Cursor{-1 << 63, 1<<63 - 1, "\x00"}.String(), "MSAy", "LTEgLTEg"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCursor(text)
		if err != nil {
			var fault *submission.Error
			if !errors.As(err, &fault) || fault.Code != submission.Malformed {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		if again, err := ParseCursor(c.String()); err != nil || again != c {
			t.Errorf("%+v became %+v, %v", c, again, err)
		}
	})
}
