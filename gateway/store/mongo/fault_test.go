package mongo

import (
	"errors"
	"net"
	"testing"

	"github.com/sandgate/sandgate/gateway/submission"
)

// cleared is as the driver's error of a pool that was cleared, which it does not export.
type cleared struct{ error }

func (cleared) Retryable() bool { return true }

// Whoever asks while the database is away is told to try again, however the driver came to know of it.
func TestFaultOfADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	for _, cause := range []error{
		&net.OpError{Op: "dial", Err: errors.New("connection refused")},
		&net.DNSError{Name: "mongodb", Err: "no such host"},
		cleared{errors.New("the pool was cleared")},
	} {
		var said *submission.Error
		if err := fault("read", cause); !errors.As(err, &said) || said.Code != submission.Unavailable || !errors.Is(err, cause) {
			t.Errorf("%v: got %v", cause, err)
		}
	}
}
