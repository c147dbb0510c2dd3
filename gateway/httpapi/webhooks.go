package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

// Webhooks is what the handlers need of clients' callbacks.
type Webhooks interface {
	Deliveries(ctx context.Context, account string, state webhook.DeliveryState, cursor string, limit int) ([]webhook.Delivery, string, error)
	Redeliver(ctx context.Context, account, token string) (webhook.Delivery, error)
	Secret(account string) string
}

// webhooks handles the routes by which a client sees to its callbacks.
type webhooks struct{ sender Webhooks }

const (
	deliveriesDefault = 50
	deliveriesMost    = 200
)

// deliveryStates are the states of a delivery by their names on the wire.
var deliveryStates = map[string]webhook.DeliveryState{"": "", "pending": webhook.Pending, "delivered": webhook.Delivered, "givenUp": webhook.GivenUp}

type delivery struct {
	JobID       string     `json:"jobId"`
	URL         string     `json:"url"`
	State       string     `json:"state"` // pending, delivered, givenUp
	Attempts    int        `json:"attempts"`
	NextAttempt *time.Time `json:"nextAttempt"` // while pending
	LastStatus  *int       `json:"lastStatus"`  // the receiver's; null: it did not answer
	LastError   *string    `json:"lastError"`
	UpdatedAt   time.Time  `json:"updatedAt"`
}

func newDelivery(d webhook.Delivery) delivery {
	shown := delivery{JobID: d.Token, URL: d.URL, Attempts: d.Attempts, UpdatedAt: d.UpdatedAt.UTC()}
	for name, state := range deliveryStates {
		if state == d.State {
			shown.State = name
		}
	}
	if d.State == webhook.Pending {
		next := d.DueAt.UTC()
		shown.NextAttempt = &next
	}
	if d.LastStatus != 0 {
		shown.LastStatus = &d.LastStatus
	}
	if d.LastError != "" {
		shown.LastError = &d.LastError
	}
	return shown
}

func (w *webhooks) list(c *gin.Context) {
	state, known := deliveryStates[c.Query("state")]
	if !known {
		_ = c.Error(submission.Errorf(submission.Malformed, "state is none of pending, delivered, givenUp"))
		return
	}
	limit := deliveriesDefault
	if text := c.Query("limit"); text != "" {
		var err error
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > deliveriesMost {
			_ = c.Error(submission.Errorf(submission.Malformed, "limit is no number from 1 to %d", deliveriesMost))
			return
		}
	}
	page, next, err := w.sender.Deliveries(c.Request.Context(), account(c), state, c.Query("cursor"), limit)
	if err != nil {
		_ = c.Error(err)
		return
	}
	shown := make([]delivery, len(page))
	for i, d := range page {
		shown[i] = newDelivery(d)
	}
	answer := gin.H{"deliveries": shown, "next": nil}
	if next != "" {
		answer["next"] = next
	}
	c.JSON(http.StatusOK, answer)
}

func (w *webhooks) redeliver(c *gin.Context) {
	d, err := w.sender.Redeliver(c.Request.Context(), account(c), c.Param("token"))
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.JSON(http.StatusAccepted, newDelivery(d))
}

func (w *webhooks) secret(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, gin.H{"secret": w.sender.Secret(account(c))})
}
