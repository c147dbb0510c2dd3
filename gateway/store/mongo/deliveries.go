package mongo

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/store"
	"github.com/sandgate/sandgate/gateway/webhook"
)

// delivery is the call that the submission it is in owes its client.
type delivery struct {
	State      webhook.DeliveryState `bson:"state"`
	Attempts   int                   `bson:"attempts"`
	DueAt      time.Time             `bson:"due_at"`
	LastStatus int                   `bson:"last_status"`
	LastError  string                `bson:"last_error"`
	UpdatedAt  time.Time             `bson:"updated_at"`
}

func (d *document) delivery() webhook.Delivery {
	v := webhook.Delivery{
		Token: d.Token, Account: d.Account, State: d.Delivery.State, Attempts: d.Delivery.Attempts, DueAt: d.Delivery.DueAt,
		LastStatus: d.Delivery.LastStatus, LastError: d.Delivery.LastError, UpdatedAt: d.Delivery.UpdatedAt,
	}
	if d.Settings.CallbackURL != nil {
		v.URL = *d.Settings.CallbackURL
	}
	return v
}

// deliveryFields is what delivery needs of a document.
var deliveryFields = bson.D{{Key: "account", Value: 1}, {Key: "seq", Value: 1}, {Key: "settings", Value: 1}, {Key: "delivery", Value: 1}}

// TakeDue gives deliveries that are due, and moves them to until. Every document is changed by
// compare-and-set; what a gateway took before it died is due again at until.
func (s *Store) TakeDue(ctx context.Context, now, until time.Time, limit int) ([]webhook.Due, error) {
	due := bson.D{{Key: "delivery.state", Value: webhook.Pending}, {Key: "delivery.due_at", Value: bson.D{{Key: "$lte", Value: now}}}}
	found, err := all[pending](ctx, s.submissions, due,
		options.Find().SetSort(bson.D{{Key: "delivery.due_at", Value: 1}, {Key: "seq", Value: 1}}).SetLimit(int64(limit)).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil || len(found) == 0 {
		return nil, fault("read deliveries", err)
	}
	tokens := make([]string, len(found))
	for i, p := range found {
		tokens[i] = p.Token
	}
	// The mark tells what this call has won from what others have.
	mark := bson.E{Key: "delivery.taken", Value: rand.Text()}
	if _, err := s.submissions.UpdateMany(ctx, append(bson.D{among("_id", tokens)}, due...), set(bson.D{{Key: "delivery.due_at", Value: until}, mark})); err != nil {
		return nil, fault("take deliveries", err)
	}
	docs, err := all[document](ctx, s.submissions, bson.D{among("_id", tokens), mark}, options.Find().SetProjection(outline))
	if err != nil {
		return nil, fault("read deliveries", err)
	}
	won := make(map[string]*document, len(docs))
	for i := range docs {
		won[docs[i].Token] = &docs[i]
	}
	taken := make([]webhook.Due, 0, len(docs))
	for _, token := range tokens {
		if d := won[token]; d != nil {
			taken = append(taken, webhook.Due{Delivery: d.delivery(), Submission: d.submission()})
		}
	}
	return taken, nil
}

// Note stores how an attempt went.
func (s *Store) Note(ctx context.Context, d webhook.Delivery) error {
	_, err := s.submissions.UpdateOne(ctx, append(byID(d.Token), present("delivery")...),
		set(bson.D{{Key: "delivery", Value: delivery{d.State, d.Attempts, d.DueAt, d.LastStatus, d.LastError, d.UpdatedAt}}}))
	return fault("store how a delivery went", err)
}

// Redeliver makes a delivery that has ended pending again.
func (s *Store) Redeliver(ctx context.Context, account, token string, now time.Time) (webhook.Delivery, error) {
	ended := append(owned(account, token), among("delivery.state", []webhook.DeliveryState{webhook.Delivered, webhook.GivenUp}))
	if _, err := s.submissions.UpdateOne(ctx, ended, set(bson.D{
		{Key: "delivery.state", Value: webhook.Pending}, {Key: "delivery.attempts", Value: 0}, {Key: "delivery.due_at", Value: now}, {Key: "delivery.updated_at", Value: now},
	})); err != nil {
		return webhook.Delivery{}, fault("store a delivery", err)
	}
	found, err := one[document](ctx, s.submissions, append(owned(account, token), present("delivery")...), options.FindOne().SetProjection(deliveryFields))
	if err != nil {
		return webhook.Delivery{}, missing("read a delivery", err)
	}
	return found.delivery(), nil
}

// Deliveries lists those of an account, newest submission first.
func (s *Store) Deliveries(ctx context.Context, account string, state webhook.DeliveryState, cursor string, limit int) ([]webhook.Delivery, string, error) {
	after, err := store.ParseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	query := append(bson.D{{Key: "account", Value: account}, {Key: "seq", Value: bson.D{{Key: "$lte", Value: after.Seq}}}}, present("delivery")...)
	query = append(query, bson.E{Key: "$or", Value: bson.A{
		bson.D{{Key: "seq", Value: bson.D{{Key: "$lt", Value: after.Seq}}}},
		bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: after.Token}}}},
	}})
	if state != "" {
		query = append(query, bson.E{Key: "delivery.state", Value: state})
	}
	docs, err := all[document](ctx, s.submissions, query,
		options.Find().SetSort(bson.D{{Key: "seq", Value: -1}, {Key: "_id", Value: -1}}).SetLimit(int64(limit)+1).SetProjection(deliveryFields))
	if err != nil {
		return nil, "", fault("list deliveries", err)
	}
	next := ""
	if len(docs) > limit {
		docs = docs[:limit]
		last := docs[limit-1]
		next = store.Cursor{Seq: last.Seq, Token: last.Token}.String()
	}
	page := make([]webhook.Delivery, len(docs))
	for i := range docs {
		page[i] = docs[i].delivery()
	}
	return page, next, nil
}

// Backlog counts pending deliveries, and gives when the one was due that is due longest; zero: none is due.
func (s *Store) Backlog(ctx context.Context, now time.Time) (pending int, oldest time.Time, err error) {
	waiting := bson.D{{Key: "delivery.state", Value: webhook.Pending}}
	n, err := s.submissions.CountDocuments(ctx, waiting)
	if err != nil || n == 0 {
		return 0, time.Time{}, fault("count deliveries", err)
	}
	due := append(waiting, bson.E{Key: "delivery.due_at", Value: bson.D{{Key: "$lte", Value: now}}})
	found, err := one[document](ctx, s.submissions, due, options.FindOne().SetSort(bson.D{{Key: "delivery.due_at", Value: 1}}).SetProjection(deliveryFields))
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return int(n), time.Time{}, nil
	case err != nil:
		return 0, time.Time{}, fault("read deliveries", err)
	}
	return int(n), found.Delivery.DueAt, nil
}

var _ webhook.Store = (*Store)(nil)
