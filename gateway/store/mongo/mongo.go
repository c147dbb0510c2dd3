// Package mongo keeps all that the gateway keeps in MongoDB: it implements the ports of the packages
// submission, dispatch, auth, limit and webhook, each in a file of its own. Any number of gateways may
// use a database at a time.
//
// It promises that what a method returned without error is in the journals of a majority of the servers,
// and that the state of a submission changes by compare-and-set on its one document: of several who would
// end a submission, one is told that it did. Times are kept to the millisecond.
//
// It needs no transactions, so a single server will do. What belongs together is in one document: a
// submission has its result, its share and the call that its client is owed inside, and they come and go
// in one write. What takes several writes says at its place how it survives a crash between them.
package mongo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readpref"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"

	"github.com/sandgate/sandgate/gateway/submission"
)

// The bounds that hold where the URL sets no others.
const (
	connections    = 64
	operationTime  = 10 * time.Second
	selectionTime  = 5 * time.Second // to find a server that takes writes
	startTime      = 30 * time.Second
	indexTime      = 10 * time.Minute // of building one over what is there
	defaultName    = "sandgate"
	idleConnection = 5 * time.Minute
)

// Store is an open database.
type Store struct {
	client   *mongo.Client
	intake   *intake
	last     atomic.Int64  // the number of the submission that came in last
	patience time.Duration // for another request under the same idempotency key that is storing its submissions

	submissions, once, gateways, keys, accounts, leaving, audit, usage, settings *mongo.Collection
}

// Options may be given to Open.
type Options struct {
	Observe func(operation string, took time.Duration) // called after each call of the server; it must be quick
}

// Open connects to the database that a mongodb:// or mongodb+srv:// URL names, "sandgate" where it names
// none, and makes the indexes that it lacks. It waits half a minute for a server that is starting.
func Open(ctx context.Context, address string, more ...Options) (*Store, error) {
	o := options.Client().ApplyURI(address)
	if err := o.Validate(); err != nil {
		return nil, fmt.Errorf("the address of MongoDB can't be used: %s", withoutPassword(err.Error(), address))
	}
	o.SetAppName("sandgate-gateway")
	if o.MaxPoolSize == nil {
		o.SetMaxPoolSize(connections)
	}
	if o.MaxConnIdleTime == nil {
		o.SetMaxConnIdleTime(idleConnection)
	}
	if o.Timeout == nil {
		o.SetTimeout(operationTime)
	}
	if o.ServerSelectionTimeout == nil {
		o.SetServerSelectionTimeout(selectionTime)
	}
	if o.ConnectTimeout == nil {
		o.SetConnectTimeout(selectionTime)
	}
	// These make the promises of this package: no URL weakens them.
	journal := true
	o.SetWriteConcern(&writeconcern.WriteConcern{W: writeconcern.WCMajority, Journal: &journal})
	o.SetReadPreference(readpref.Primary())
	o.SetRetryWrites(true).SetRetryReads(true)
	if len(more) > 0 && more[0].Observe != nil {
		observe := more[0].Observe
		o.SetMonitor(&event.CommandMonitor{
			Succeeded: func(_ context.Context, e *event.CommandSucceededEvent) { observe(e.CommandName, e.Duration) },
			Failed:    func(_ context.Context, e *event.CommandFailedEvent) { observe(e.CommandName, e.Duration) },
		})
	}

	client, err := mongo.Connect(o)
	if err != nil {
		return nil, fmt.Errorf("the address of MongoDB can't be used: %s", withoutPassword(err.Error(), address))
	}
	db := client.Database(databaseName(address))
	s := &Store{
		client: client, patience: onceWait,
		submissions: db.Collection("submissions"), once: db.Collection("once"), gateways: db.Collection("gateways"), keys: db.Collection("keys"),
		accounts: db.Collection("accounts"), leaving: db.Collection("leaving"), audit: db.Collection("audit"), usage: db.Collection("usage"), settings: db.Collection("settings"),
	}
	if err := s.prepare(ctx); err != nil {
		_ = client.Disconnect(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("open the gateway's store: %w", err)
	}
	s.intake = newIntake(s.submissions)
	s.intake.start()
	return s, nil
}

// databaseName reads the name after the hosts. (A URL with several hosts is none that net/url reads.)
func databaseName(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/")
	name, _, _ := strings.Cut(path, "?")
	if plain, err := url.PathUnescape(name); err == nil && plain != "" {
		return plain
	}
	return defaultName
}

// withoutPassword takes an address and its password out of an error's text, which is logged. It also takes
// out what would be the password if the address were written as it should be.
func withoutPassword(text, address string) string {
	text = strings.ReplaceAll(text, address, "…")
	_, rest, _ := strings.Cut(address, "://")
	untilPath, _, _ := strings.Cut(rest, "/")
	untilAt := rest[:max(0, strings.LastIndex(rest, "@"))]
	for _, login := range []string{untilAt, untilPath} {
		_, secret, _ := strings.Cut(login, ":")
		if plain, err := url.PathUnescape(secret); err == nil && plain != "" {
			text = strings.ReplaceAll(text, plain, "…")
		}
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

func (s *Store) prepare(ctx context.Context) error {
	start, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := s.client.Ping(start, nil)
		if err == nil {
			break
		}
		if start.Err() != nil || !unreachable(err) {
			return err
		}
	}
	for _, index := range s.indexes() {
		if err := index.ensure(ctx); err != nil {
			return fmt.Errorf("make the index %s: %w", index.name, err)
		}
	}
	return nil
}

// index is one that queries of this package need. A released one never changes: another takes a new name.
type index struct {
	of     *mongo.Collection
	name   string
	keys   bson.D
	unique bool
	only   bson.D // the documents that are in it; nil: all
}

func (s *Store) indexes() []index {
	up := func(names ...string) (keys bson.D) {
		for _, name := range names {
			direction := 1
			if name[0] == '-' {
				direction, name = -1, name[1:]
			}
			keys = append(keys, bson.E{Key: name, Value: direction})
		}
		return keys
	}
	return []index{
		// For histories: the filters are answered from the index alone.
		{of: s.submissions, name: "of_account", keys: up("account", "-created_at", "-seq", "-_id", "status", "language_id")},
		{of: s.submissions, name: "unfinished", keys: up("owner", "seq", "_id"), only: unfinished},
		{of: s.submissions, name: "by_age", keys: up("finished_at", "account"), only: bson.D{{Key: "state", Value: int(submission.Finished)}}},
		{of: s.submissions, name: "due", keys: up("delivery.due_at", "seq"), only: bson.D{{Key: "delivery.state", Value: "pending"}}},
		{of: s.submissions, name: "deliveries_of_account", keys: up("account", "-seq", "-_id"), only: present("delivery")},
		{of: s.submissions, name: "share", keys: up("share.id"), only: present("share.id")},
		{of: s.once, name: "by_age", keys: up("at")},
		{of: s.keys, name: "hash", keys: up("hash"), unique: true},
		{of: s.keys, name: "of_account", keys: up("account", "created_at", "_id")},
		{of: s.accounts, name: "retention", keys: up("retention"), only: ownRetention},
		{of: s.usage, name: "of_account", keys: up("account", "day")},
	}
}

// ensure makes the index if it is not there.
func (i index) ensure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	o := options.Index().SetName(i.name)
	if i.unique {
		o.SetUnique(true)
	}
	if i.only != nil {
		o.SetPartialFilterExpression(i.only)
	}
	_, err := i.of.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: i.keys, Options: o})
	if i.only != nil && hasCode(err, codeNotImplemented) {
		// FerretDB has no partial indexes. One over all documents serves the same queries.
		_, err = i.of.Indexes().CreateOne(ctx, mongo.IndexModel{Keys: i.keys, Options: options.Index().SetName(i.name)})
	}
	return err
}

// Close finishes the writes that wait and closes the connections.
func (s *Store) Close() error {
	s.intake.close()
	ctx, cancel := context.WithTimeout(context.Background(), operationTime)
	defer cancel()
	return s.client.Disconnect(ctx)
}

// Ping tells whether the store can be written.
func (s *Store) Ping(ctx context.Context) error { return s.SetSetting(ctx, "ping", nil) }

type setting struct {
	Name  string `bson:"_id"`
	Value []byte `bson:"value"`
}

// Setting gives the value stored under name. Where there is none, it stores what create yields first.
func (s *Store) Setting(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error) {
	found, err := one[setting](ctx, s.settings, byID(name))
	if !errors.Is(err, mongo.ErrNoDocuments) {
		return found.Value, fault("read a setting", err)
	}
	made, err := create()
	if err != nil {
		return nil, err
	}
	if _, err = s.settings.InsertOne(ctx, setting{name, made}); err != nil && !mongo.IsDuplicateKeyError(err) {
		return nil, fault("store a setting", err)
	}
	found, err = one[setting](ctx, s.settings, byID(name))
	return found.Value, fault("read a setting", err)
}

// SetSetting stores value under name.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return fault("store a setting", upsert(ctx, s.settings, name, setting{name, value}))
}

// upsert stores a document in place of the one of its id, if there is one. Of two who do so at once the
// second may find that there is one now.
func upsert(ctx context.Context, into *mongo.Collection, id string, doc any) error {
	_, err := into.ReplaceOne(ctx, byID(id), doc, options.Replace().SetUpsert(true))
	if mongo.IsDuplicateKeyError(err) {
		_, err = into.ReplaceOne(ctx, byID(id), doc)
	}
	return err
}

func byID(id string) bson.D { return bson.D{{Key: "_id", Value: id}} }

func among[T any](field string, values []T) bson.E {
	return bson.E{Key: field, Value: bson.D{{Key: "$in", Value: values}}}
}

func present(field string) bson.D {
	return bson.D{{Key: field, Value: bson.D{{Key: "$exists", Value: true}}}}
}

func set(fields any) bson.D { return bson.D{{Key: "$set", Value: fields}} }

// one reads one document; mongo.ErrNoDocuments if there is none.
func one[T any](ctx context.Context, of *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOneOptions]) (T, error) {
	var found T
	err := of.FindOne(ctx, filter, o...).Decode(&found)
	return found, err
}

// all reads the documents of a query. Their number is bounded by the query.
func all[T any](ctx context.Context, of *mongo.Collection, filter bson.D, o ...options.Lister[options.FindOptions]) ([]T, error) {
	cursor, err := of.Find(ctx, filter, o...)
	if err != nil {
		return nil, err
	}
	var found []T
	if err := cursor.All(ctx, &found); err != nil {
		return nil, err
	}
	return found, nil
}

// The servers' codes of errors that this package acts on.
const (
	codeTooLarge       = 10334
	codeGrewTooLarge   = 17419
	codeGrewTooLarge2  = 17420
	codeNotImplemented = 238
)

func hasCode(err error, codes ...int) bool {
	var server mongo.ServerError
	if !errors.As(err, &server) {
		return false
	}
	for _, code := range codes {
		if server.HasErrorCode(code) {
			return true
		}
	}
	return false
}

func unreachable(err error) bool {
	// A connection that another command's failure closed, or that could not be made.
	var cleared interface {
		error
		Retryable() bool
	}
	var network net.Error
	if errors.As(err, &cleared) && cleared.Retryable() || errors.As(err, &network) {
		return true
	}
	return mongo.IsNetworkError(err) || mongo.IsTimeout(err) || errors.Is(err, mongo.ErrClientDisconnected)
}

// fault wraps an error of the driver. A client that is told of a store that can't be reached may try again.
func fault(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case unreachable(err):
		return &submission.Error{Code: submission.Unavailable, Message: "the store can't be reached", RetryAfter: selectionTime, Err: fmt.Errorf("%s: %w", what, err)}
	}
	return fmt.Errorf("%s: %w", what, err)
}
