package mongo

import (
	"context"
	"crypto/subtle"
	"errors"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/auth"
)

type key struct {
	ID         string      `bson:"_id"`
	Hash       []byte      `bson:"hash"`
	Prefix     string      `bson:"prefix"`
	Name       string      `bson:"name"`
	Account    string      `bson:"account"`
	Scopes     auth.Scopes `bson:"scopes"`
	CreatedAt  time.Time   `bson:"created_at"`
	ExpiresAt  *time.Time  `bson:"expires_at"`
	RevokedAt  *time.Time  `bson:"revoked_at"`
	LastUsedAt *time.Time  `bson:"last_used_at,omitempty"`
}

func (k key) key() auth.Key {
	c := auth.Key{ID: k.ID, Prefix: k.Prefix, Name: k.Name, Account: k.Account, Scopes: k.Scopes,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt}
	copy(c.Hash[:], k.Hash)
	return c
}

// KeyByHash gives the key with a hash; nil if there is none.
func (s *Store) KeyByHash(ctx context.Context, hash auth.Hash) (*auth.Key, error) {
	found, err := one[key](ctx, s.keys, bson.D{{Key: "hash", Value: hash[:]}})
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil, nil
	case err != nil:
		return nil, fault("look a key up", err)
	case subtle.ConstantTimeCompare(found.Hash, hash[:]) != 1:
		return nil, nil
	}
	k := found.key()
	return &k, nil
}

// AddKey stores a key unless one of the same hash exists. With replace, the account's others of its
// name go: after the new one is stored, so that at no time there is none.
func (s *Store) AddKey(ctx context.Context, k auth.Key, replace bool) error {
	_, err := s.keys.InsertOne(ctx, key{k.ID, k.Hash[:], k.Prefix, k.Name, k.Account, k.Scopes, k.CreatedAt, k.ExpiresAt, k.RevokedAt, nil})
	if err != nil && !mongo.IsDuplicateKeyError(err) {
		return fault("store a key", err)
	}
	if replace {
		_, err := s.keys.DeleteMany(ctx, bson.D{
			{Key: "account", Value: k.Account}, {Key: "name", Value: k.Name}, {Key: "hash", Value: bson.D{{Key: "$ne", Value: k.Hash[:]}}},
		})
		return fault("remove keys", err)
	}
	return nil
}

// CountKeys tells how many keys there are.
func (s *Store) CountKeys(ctx context.Context) (int, error) {
	n, err := s.keys.CountDocuments(ctx, bson.D{})
	return int(n), fault("count keys", err)
}

// TouchKeys notes when keys were used last.
func (s *Store) TouchKeys(ctx context.Context, used map[string]time.Time) error {
	if len(used) == 0 {
		return nil
	}
	var writes []mongo.WriteModel
	for id, at := range used {
		writes = append(writes, mongo.NewUpdateOneModel().SetFilter(byID(id)).SetUpdate(bson.D{{Key: "$max", Value: bson.D{{Key: "last_used_at", Value: at}}}}))
	}
	_, err := s.keys.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	return fault("store when keys were used", err)
}

// Keys lists the keys of an account, oldest first.
func (s *Store) Keys(ctx context.Context, account string) ([]auth.Key, error) {
	found, err := all[key](ctx, s.keys, bson.D{{Key: "account", Value: account}}, options.Find().SetSort(bson.D{{Key: "created_at", Value: 1}, {Key: "_id", Value: 1}}))
	if err != nil {
		return nil, fault("list keys", err)
	}
	keys := make([]auth.Key, len(found))
	for i, k := range found {
		keys[i] = k.key()
	}
	return keys, nil
}

// ChangeKey replaces the name, scopes, expiry and revocation of a key.
func (s *Store) ChangeKey(ctx context.Context, k auth.Key) error {
	result, err := s.keys.UpdateOne(ctx, owned(k.Account, k.ID), set(bson.D{
		{Key: "name", Value: k.Name}, {Key: "scopes", Value: k.Scopes}, {Key: "expires_at", Value: k.ExpiresAt}, {Key: "revoked_at", Value: k.RevokedAt},
	}))
	if err == nil && result.MatchedCount == 0 {
		return auth.ErrNoKey
	}
	return fault("change a key", err)
}

type account struct {
	ID        string        `bson:"_id"`
	Name      string        `bson:"name"`
	Issuer    string        `bson:"issuer"`
	Subject   string        `bson:"subject"`
	CreatedAt time.Time     `bson:"created_at"`
	Disabled  bool          `bson:"disabled"`
	Retention time.Duration `bson:"retention"` // nanoseconds
	Limits    limits        `bson:"limits"`
	Policy    string        `bson:"policy"`
}

type limits struct {
	Rate             float64 `bson:"rate"`
	Burst            int     `bson:"burst"`
	DailySubmissions int     `bson:"daily_submissions"`
	DailyCPU         float64 `bson:"daily_cpu"`
}

func (a account) record() auth.Record {
	return auth.Record{ID: a.ID, Name: a.Name, Issuer: a.Issuer, Subject: a.Subject, CreatedAt: a.CreatedAt, Disabled: a.Disabled,
		Retention: a.Retention, Limits: auth.Limits(a.Limits), Policy: a.Policy}
}

// Account gives a record; nil where there is none.
func (s *Store) Account(ctx context.Context, id string) (*auth.Record, error) {
	found, err := one[account](ctx, s.accounts, byID(id))
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		return nil, nil
	case err != nil:
		return nil, fault("look an account up", err)
	}
	record := found.record()
	return &record, nil
}

// EnsureAccount stores a record unless one of its id is there, and gives what is stored then.
func (s *Store) EnsureAccount(ctx context.Context, r auth.Record) (*auth.Record, error) {
	for {
		found, err := s.Account(ctx, r.ID)
		if err != nil || found != nil {
			return found, err
		}
		_, err = s.accounts.InsertOne(ctx, account{r.ID, r.Name, r.Issuer, r.Subject, r.CreatedAt, r.Disabled, r.Retention, limits(r.Limits), r.Policy})
		if err != nil && !mongo.IsDuplicateKeyError(err) {
			return nil, fault("store an account", err)
		}
	}
}

// ChangeAccount replaces the name, retention, limits and policy of a record, and whether it is disabled.
func (s *Store) ChangeAccount(ctx context.Context, r auth.Record) error {
	result, err := s.accounts.UpdateOne(ctx, byID(r.ID), set(bson.D{
		{Key: "name", Value: r.Name}, {Key: "disabled", Value: r.Disabled}, {Key: "retention", Value: r.Retention}, {Key: "limits", Value: limits(r.Limits)}, {Key: "policy", Value: r.Policy},
	}))
	if err == nil && result.MatchedCount == 0 {
		return auth.ErrNoAccount
	}
	return fault("change an account", err)
}

// Accounts lists records by id, after the given one.
func (s *Store) Accounts(ctx context.Context, after string, limit int) ([]auth.Record, error) {
	found, err := all[account](ctx, s.accounts, bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after}}}},
		options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, fault("list accounts", err)
	}
	records := make([]auth.Record, len(found))
	for i, a := range found {
		records[i] = a.record()
	}
	return records, nil
}

// removeAtOnce is how many submissions of an account go in one write.
const removeAtOnce = 1000

// DeleteAccount removes an account with all that is its. Its record goes last: what was broken off can
// be asked for again.
func (s *Store) DeleteAccount(ctx context.Context, id string) error {
	switch found, err := s.Account(ctx, id); {
	case err != nil:
		return err
	case found == nil:
		return auth.ErrNoAccount
	}
	its := bson.D{{Key: "account", Value: id}}
	for _, of := range []*mongo.Collection{s.keys, s.once, s.usage} {
		if _, err := of.DeleteMany(ctx, its); err != nil {
			return fault("remove what is an account's", err)
		}
	}
	for n := removeAtOnce; n == removeAtOnce; {
		var err error
		if n, err = s.remove(ctx, bson.D{{Key: "account", Value: id}}, removeAtOnce); err != nil {
			return err
		}
	}
	if _, err := s.submissions.UpdateMany(ctx, append(bson.D{{Key: "account", Value: id}}, present("share")...), bson.D{{Key: "$unset", Value: bson.D{{Key: "share", Value: ""}}}}); err != nil {
		return fault("remove shares", err)
	}
	// What has not ended by now goes when it has.
	last, err := all[leaver](ctx, s.submissions, its, options.Find().SetSort(bson.D{{Key: "created_at", Value: -1}}).SetLimit(1).SetProjection(bson.D{{Key: "created_at", Value: 1}}))
	if err == nil && len(last) > 0 {
		_, err = s.leaving.UpdateOne(ctx, byID(id), bson.D{{Key: "$set", Value: bson.D{{Key: "created_at", Value: last[0].Until}}}}, options.UpdateOne().SetUpsert(true))
	}
	if err != nil {
		return fault("note what an account leaves", err)
	}
	_, err = s.accounts.DeleteOne(ctx, byID(id))
	return fault("remove an account", err)
}

// RemoveUnused removes those of the accounts for which nothing was chosen and of which nothing else is stored. Who
// comes back meanwhile has an account again with the next request.
func (s *Store) RemoveUnused(ctx context.Context, ids []string) (int, error) {
	var unused []string
next:
	for _, id := range ids {
		for _, of := range []*mongo.Collection{s.submissions, s.usage, s.keys} {
			switch err := of.FindOne(ctx, bson.D{{Key: "account", Value: id}}, options.FindOne().SetProjection(bson.D{{Key: "_id", Value: 1}})).Err(); {
			case err == nil:
				continue next
			case !errors.Is(err, mongo.ErrNoDocuments):
				return 0, fault("look for what is an account's", err)
			}
		}
		unused = append(unused, id)
	}
	if len(unused) == 0 {
		return 0, nil
	}
	// There is no index that finds these by account: one look for all.
	repeating, err := all[onceDocument](ctx, s.once, bson.D{among("account", unused)}, options.Find().SetProjection(bson.D{{Key: "account", Value: 1}}))
	if err != nil {
		return 0, fault("look for what is an account's", err)
	}
	unused = slices.DeleteFunc(unused, func(id string) bool {
		return slices.ContainsFunc(repeating, func(o onceDocument) bool { return o.Account == id })
	})
	result, err := s.accounts.DeleteMany(ctx, bson.D{
		among("_id", unused), {Key: "disabled", Value: false}, {Key: "retention", Value: time.Duration(0)}, {Key: "policy", Value: ""},
		{Key: "limits.rate", Value: 0.0}, {Key: "limits.burst", Value: 0}, {Key: "limits.daily_submissions", Value: 0}, {Key: "limits.daily_cpu", Value: 0.0},
	})
	if err != nil {
		return 0, fault("remove unused accounts", err)
	}
	return int(result.DeletedCount), nil
}

// leaver is an account that was deleted while submissions of its had not ended.
type leaver struct {
	ID    string    `bson:"_id"`
	Until time.Time `bson:"created_at"` // of the last of them
}

type entry struct {
	ID      string    `bson:"_id"`
	At      time.Time `bson:"at"`
	Account string    `bson:"account"`
	KeyID   string    `bson:"key_id"`
	Action  string    `bson:"action"`
	Target  string    `bson:"target"`
	Address string    `bson:"address"`
	Request string    `bson:"request"`
}

// Append adds to the audit log.
func (s *Store) Append(ctx context.Context, e auth.Entry) error {
	_, err := s.audit.InsertOne(ctx, entry(e))
	return fault("add to the audit log", err)
}

// Audit lists entries, newest first, before the given id.
func (s *Store) Audit(ctx context.Context, before string, limit int) ([]auth.Entry, error) {
	filter := bson.D{}
	if before != "" {
		filter = bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: before}}}}
	}
	found, err := all[entry](ctx, s.audit, filter, options.Find().SetSort(bson.D{{Key: "_id", Value: -1}}).SetLimit(int64(limit)))
	if err != nil {
		return nil, fault("read the audit log", err)
	}
	entries := make([]auth.Entry, len(found))
	for i, e := range found {
		entries[i] = auth.Entry(e)
	}
	return entries, nil
}

// Forget removes what the audit log and usage have of the time before; a zero time removes nothing.
func (s *Store) Forget(ctx context.Context, audit, usage time.Time, limit int) (removed int, err error) {
	if !audit.IsZero() { // ids grow with time: nobody looks at more than the oldest
		oldest, err := all[entry](ctx, s.audit, bson.D{}, options.Find().SetSort(bson.D{{Key: "_id", Value: 1}}).SetLimit(int64(limit)).SetProjection(bson.D{{Key: "at", Value: 1}}))
		if err != nil {
			return 0, fault("read the audit log", err)
		}
		var ids []string
		for _, e := range oldest {
			if e.At.Before(audit) {
				ids = append(ids, e.ID)
			}
		}
		if removed, err = forget(ctx, s.audit, ids); err != nil || removed == limit {
			return removed, fault("remove entries of the audit log", err)
		}
	}
	if usage.IsZero() {
		return removed, nil
	}
	found, err := all[used](ctx, s.usage, bson.D{{Key: "_id", Value: bson.D{{Key: "$lt", Value: usage.UTC().Format(time.DateOnly)}}}},
		options.Find().SetLimit(int64(limit-removed)).SetProjection(bson.D{{Key: "_id", Value: 1}}))
	if err != nil {
		return removed, fault("read usage", err)
	}
	ids := make([]string, len(found))
	for i, u := range found {
		ids[i] = u.ID
	}
	n, err := forget(ctx, s.usage, ids)
	return removed + n, fault("remove usage", err)
}

func forget(ctx context.Context, of *mongo.Collection, ids []string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	result, err := of.DeleteMany(ctx, bson.D{among("_id", ids)})
	if err != nil {
		return 0, err
	}
	return int(result.DeletedCount), nil
}

var _ auth.Directory = (*Store)(nil)
