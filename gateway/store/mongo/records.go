package mongo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/store"
	"github.com/sandgate/sandgate/gateway/submission"
)

type onceDocument struct {
	ID      string    `bson:"_id"` // of the account and the key
	Account string    `bson:"account"`
	Key     string    `bson:"key"`
	Request []byte    `bson:"request"`
	Tokens  []string  `bson:"tokens"`
	At      time.Time `bson:"at"`
	Stored  bool      `bson:"stored"` // the submissions are known to have been stored
}

func onceOf(o submission.Once) onceDocument {
	id := sha256.Sum256([]byte(o.Account + "\x00" + o.Key))
	return onceDocument{ID: hex.EncodeToString(id[:]), Account: o.Account, Key: o.Key, Request: o.Request[:], Tokens: o.Tokens, At: o.At}
}

func (d onceDocument) once() *submission.Once {
	o := &submission.Once{Account: d.Account, Key: d.Key, Tokens: d.Tokens, At: d.At}
	copy(o.Request[:], d.Request)
	return o
}

// How long, and how often it looks, a request waits for another one under the same key that is storing its
// submissions.
const (
	onceWait = 2 * time.Second
	oncePoll = 25 * time.Millisecond
)

// InsertOnce stores subs under a client's key, or gives what the key stands for already.
//
// The key comes first, with the tokens, then the submissions. If the gateway dies between the two, the
// client was not answered. When it asks again, the key is found without submissions, and they are stored
// then, under the tokens that the key names; the sweep of the gateway's dispatcher takes them up. Should
// the first be alive after all, the tokens see to it that each submission is stored once.
func (s *Store) InsertOnce(ctx context.Context, once submission.Once, since time.Time, subs ...*submission.Submission) (*submission.Once, error) {
	docs, err := s.encode(subs)
	if err != nil {
		return nil, err
	}
	mine := onceOf(once)
	for {
		_, err := s.once.InsertOne(ctx, mine)
		if err == nil {
			return s.storeUnder(ctx, mine, docs)
		}
		if !mongo.IsDuplicateKeyError(err) {
			return nil, fault("store an idempotency key", err)
		}
		found, err := one[onceDocument](ctx, s.once, byID(mine.ID))
		switch {
		case errors.Is(err, mongo.ErrNoDocuments):
			continue // it has just expired
		case err != nil:
			return nil, fault("read an idempotency key", err)
		case !found.At.Before(since):
			return s.settle(ctx, found, mine, subs)
		}
		replaced, err := s.once.ReplaceOne(ctx, append(byID(mine.ID), bson.E{Key: "at", Value: found.At}, bson.E{Key: "tokens", Value: found.Tokens}), mine)
		switch {
		case err != nil:
			return nil, fault("store an idempotency key", err)
		case replaced.MatchedCount > 0:
			return s.storeUnder(ctx, mine, docs)
		}
	}
}

// storeUnder stores the submissions of a key that is stored. It gives the key back if somebody else has
// stored one of them.
func (s *Store) storeUnder(ctx context.Context, key onceDocument, docs []bson.Raw) (*submission.Once, error) {
	list := make([]any, len(docs))
	for i, doc := range docs {
		list[i] = doc
	}
	failed, err := insertAll(ctx, s.submissions, list)
	if err != nil {
		return nil, fault("store submissions", err)
	}
	for _, e := range failed {
		if !mongo.IsDuplicateKeyError(e) {
			return nil, fault("store submissions", e)
		}
	}
	// Without this the key still stands for its submissions, until one is deleted.
	_, _ = s.once.UpdateOne(ctx, append(byID(key.ID), bson.E{Key: "tokens", Value: key.Tokens}), set(bson.D{{Key: "stored", Value: true}}))
	if len(failed) > 0 {
		return key.once(), nil
	}
	return nil, nil
}

// settle gives what a key stands for, once its submissions are stored.
func (s *Store) settle(ctx context.Context, found, mine onceDocument, subs []*submission.Submission) (*submission.Once, error) {
	if !slices.Equal(found.Request, mine.Request) || len(found.Tokens) != len(subs) {
		return found.once(), nil // another request: its error does not depend on what is stored
	}
	deadline := time.NewTimer(s.patience)
	defer deadline.Stop()
	for {
		stored, err := s.stored(ctx, found)
		if err != nil {
			return nil, err
		}
		if stored {
			break
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-deadline.C:
			again := make([]*submission.Submission, len(subs))
			for i, sub := range subs {
				c := *sub
				c.Token = found.Tokens[i]
				again[i] = &c
			}
			docs, err := s.encode(again)
			if err == nil {
				_, err = s.storeUnder(ctx, found, docs)
			}
			return found.once(), err
		case <-time.After(oncePoll):
		}
		if found, err = one[onceDocument](ctx, s.once, byID(mine.ID)); err != nil {
			return nil, fault("read an idempotency key", err)
		}
	}
	return found.once(), nil
}

// stored tells whether the submissions of a key are there, or were.
func (s *Store) stored(ctx context.Context, key onceDocument) (bool, error) {
	if key.Stored {
		return true, nil
	}
	n, err := s.submissions.CountDocuments(ctx, bson.D{among("_id", key.Tokens)})
	if err != nil {
		return false, fault("count submissions", err)
	}
	return int(n) == len(key.Tokens), nil
}

// Once gives what an account's key stands for since the given time, if its submissions are stored; nil: nothing.
func (s *Store) Once(ctx context.Context, account, key string, since time.Time) (*submission.Once, error) {
	found, err := one[onceDocument](ctx, s.once, byID(onceOf(submission.Once{Account: account, Key: key}).ID))
	if errors.Is(err, mongo.ErrNoDocuments) || err == nil && found.At.Before(since) {
		return nil, nil
	}
	if err != nil {
		return nil, fault("read an idempotency key", err)
	}
	if stored, err := s.stored(ctx, found); !stored || err != nil {
		return nil, err
	}
	return found.once(), nil
}

// History gives a page of an account's submissions, newest first.
func (s *Store) History(ctx context.Context, account string, filter submission.Filter) ([]*submission.Submission, string, error) {
	cursor, err := store.ParseCursor(filter.Cursor)
	if err != nil {
		return nil, "", err
	}
	query := bson.D{{Key: "account", Value: account}}
	created := bson.D{}
	if !filter.Since.IsZero() {
		created = append(created, bson.E{Key: "$gte", Value: filter.Since})
	}
	if !filter.Until.IsZero() {
		created = append(created, bson.E{Key: "$lt", Value: filter.Until})
	}
	if cursor != store.Newest {
		at := time.UnixMicro(cursor.At)
		created = append(created, bson.E{Key: "$lte", Value: at})
		less := func(field string, value any) bson.E {
			return bson.E{Key: field, Value: bson.D{{Key: "$lt", Value: value}}}
		}
		query = append(query, bson.E{Key: "$or", Value: bson.A{
			bson.D{less("created_at", at)},
			bson.D{{Key: "created_at", Value: at}, less("seq", cursor.Seq)},
			bson.D{{Key: "created_at", Value: at}, {Key: "seq", Value: cursor.Seq}, less("_id", cursor.Token)},
		}})
	}
	if len(created) > 0 {
		query = append(query, bson.E{Key: "created_at", Value: created})
	}
	if len(filter.Languages) > 0 {
		query = append(query, among("language_id", filter.Languages))
	}
	if len(filter.Statuses) > 0 {
		query = append(query, among("status", filter.Statuses))
	}
	docs, err := all[document](ctx, s.submissions, query, options.Find().SetSort(newestFirst).SetLimit(int64(filter.Limit)+1).SetProjection(outline))
	if err != nil {
		return nil, "", fault("read a history", err)
	}
	next := ""
	if len(docs) > filter.Limit {
		docs = docs[:filter.Limit]
		last := docs[len(docs)-1]
		next = store.Cursor{At: last.CreatedAt.UnixMicro(), Seq: last.Seq, Token: last.Token}.String()
	}
	return plain(docs), next, nil
}

// share is the share of the submission that it is in.
type share struct {
	ID        string    `bson:"id"`
	CreatedAt time.Time `bson:"created_at"`
}

func (d *document) share() submission.Share {
	return submission.Share{ID: d.Share.ID, Account: d.Account, Token: d.Token, CreatedAt: d.Share.CreatedAt}
}

var shareFields = options.FindOne().SetProjection(bson.D{{Key: "account", Value: 1}, {Key: "share", Value: 1}})

// AddShare stores a share, or gives the one that the submission has.
func (s *Store) AddShare(ctx context.Context, wanted submission.Share) (submission.Share, error) {
	unshared := append(owned(wanted.Account, wanted.Token), bson.E{Key: "share", Value: bson.D{{Key: "$exists", Value: false}}})
	if _, err := s.submissions.UpdateOne(ctx, unshared, set(bson.D{{Key: "share", Value: share{wanted.ID, wanted.CreatedAt}}})); err != nil {
		return submission.Share{}, fault("store a share", err)
	}
	return s.share(ctx, append(owned(wanted.Account, wanted.Token), present("share")...))
}

func (s *Store) share(ctx context.Context, filter bson.D) (submission.Share, error) {
	found, err := one[document](ctx, s.submissions, filter, shareFields)
	if err != nil {
		return submission.Share{}, missing("read a share", err)
	}
	return found.share(), nil
}

// Share gives a share by id.
func (s *Store) Share(ctx context.Context, id string) (submission.Share, error) {
	return s.share(ctx, bson.D{{Key: "share.id", Value: id}})
}

// RemoveShare takes the share of a submission back.
func (s *Store) RemoveShare(ctx context.Context, account, token string) error {
	result, err := s.submissions.UpdateOne(ctx, append(owned(account, token), present("share")...), bson.D{{Key: "$unset", Value: bson.D{{Key: "share", Value: ""}}}})
	if err == nil && result.MatchedCount == 0 {
		return submission.ErrNotFound
	}
	return fault("remove a share", err)
}

// keepKeys is how long the store keeps idempotency keys, and gateways that were not heard of.
const keepKeys = 24 * time.Hour

var ownRetention = bson.D{{Key: "retention", Value: bson.D{{Key: "$gt", Value: 0}}}}

// accountsAtOnce is how many accounts a query names.
const accountsAtOnce = 500

// Expire removes submissions that ended longer ago than their accounts keep them, and those of accounts
// that were deleted before they ended. What was broken off
// goes on at the next call.
func (s *Store) Expire(ctx context.Context, now time.Time, fallback time.Duration, limit int) (removed int, err error) {
	old := bson.D{{Key: "$lt", Value: now.Add(-keepKeys)}}
	if _, err := s.once.DeleteMany(ctx, bson.D{{Key: "at", Value: old}}); err != nil {
		return 0, fault("remove idempotency keys", err)
	}
	if _, err := s.gateways.DeleteMany(ctx, bson.D{{Key: "alive_until", Value: old}}); err != nil {
		return 0, fault("remove gateways", err)
	}
	leavers, err := all[leaver](ctx, s.leaving, bson.D{}, options.Find().SetLimit(accountsAtOnce))
	if err != nil {
		return 0, fault("read what deleted accounts left", err)
	}
	for _, l := range leavers {
		left := bson.D{{Key: "account", Value: l.ID}, {Key: "created_at", Value: bson.D{{Key: "$lte", Value: l.Until}}}}
		n, err := s.remove(ctx, slices.Clone(left), limit-removed)
		if removed += n; err != nil || removed == limit {
			return removed, err
		}
		switch err := s.submissions.FindOne(ctx, left, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err(); {
		case errors.Is(err, mongo.ErrNoDocuments):
			if _, err := s.leaving.DeleteOne(ctx, byID(l.ID)); err != nil {
				return removed, fault("forget a deleted account", err)
			}
		case err != nil:
			return removed, fault("read what deleted accounts left", err)
		}
	}
	accounts, err := all[account](ctx, s.accounts, ownRetention, options.Find().SetProjection(bson.D{{Key: "retention", Value: 1}}))
	if err != nil {
		return removed, fault("read how long accounts keep submissions", err)
	}
	own := []string{}
	byRetention := map[time.Duration][]string{}
	for _, a := range accounts {
		own = append(own, a.ID)
		byRetention[a.Retention] = append(byRetention[a.Retention], a.ID)
	}
	for retention, ids := range byRetention {
		for some := range slices.Chunk(ids, accountsAtOnce) {
			before := bson.D{{Key: "$lt", Value: now.Add(-retention)}}
			// What ended before a time was created before it, too: by that the index finds it.
			n, err := s.remove(ctx, bson.D{among("account", some), {Key: "created_at", Value: before}, {Key: "finished_at", Value: before}}, limit-removed)
			if removed += n; err != nil || removed == limit {
				return removed, err
			}
		}
	}
	if fallback > 0 {
		n, err := s.remove(ctx, bson.D{
			{Key: "finished_at", Value: bson.D{{Key: "$lt", Value: now.Add(-fallback)}}},
			{Key: "account", Value: bson.D{{Key: "$nin", Value: own}}},
		}, limit-removed)
		return removed + n, err
	}
	return removed, nil
}

// remove deletes up to limit of the submissions of filter that have ended, with all that is in them.
func (s *Store) remove(ctx context.Context, filter bson.D, limit int) (int, error) {
	ended := bson.E{Key: "state", Value: int(submission.Finished)}
	found, err := all[pending](ctx, s.submissions, append(filter, ended), options.Find().SetLimit(int64(limit)).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil || len(found) == 0 {
		return 0, fault("read what is to be removed", err)
	}
	tokens := make([]string, len(found))
	for i, p := range found {
		tokens[i] = p.Token
	}
	result, err := s.submissions.DeleteMany(ctx, bson.D{among("_id", tokens), ended})
	if err != nil {
		return 0, fault("remove submissions", err)
	}
	return int(result.DeletedCount), nil
}

var _ submission.Records = (*Store)(nil)
