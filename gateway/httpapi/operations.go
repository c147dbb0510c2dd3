package httpapi

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
)

const (
	// maxCallback bounds what the engine says of one submission: its program, files and output.
	maxCallback = 128 << 20
	// keepReady is how long the answer to a probe stands: a probe writes to the store.
	keepReady = time.Second
)

// operations handles what operators and the engine call.
type operations struct {
	ready     func(context.Context) error
	now       func() time.Time
	callbacks Callbacks

	mu      sync.Mutex
	probed  time.Time
	outcome error
}

func (o *operations) callback(c *gin.Context) {
	token := c.Param("token")
	if !o.callbacks.Verify(token, c.Param("mac")) {
		_ = c.Error(submission.ErrNotFound)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxCallback))
	if err != nil {
		_ = c.Error(unfinished(err))
		return
	}
	// The engine may hang up early; what it said is recorded all the same.
	if err := o.callbacks.Callback(context.WithoutCancel(c.Request.Context()), token, body); err != nil {
		_ = c.Error(err)
		return
	}
	c.Status(http.StatusNoContent)
}

func (o *operations) readyz(c *gin.Context) {
	if err := o.probe(c.Request.Context()); err != nil {
		c.JSON(http.StatusServiceUnavailable, gin.H{"ready": false, "reason": err.Error()})
		return
	}
	c.JSON(http.StatusOK, gin.H{"ready": true})
}

func (o *operations) probe(ctx context.Context) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.probed.IsZero() || o.now().Sub(o.probed) >= keepReady {
		// The outcome is for others too, whether or not this client stays.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		o.outcome = o.ready(ctx)
		o.probed = o.now() // the end, so that those who waited meanwhile take it
	}
	return o.outcome
}
