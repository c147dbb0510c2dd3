package mongo

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/submission"
)

// newestFirst is the order of histories. Several submissions may have come in one millisecond.
var newestFirst = bson.D{{Key: "created_at", Value: -1}, {Key: "seq", Value: -1}, {Key: "_id", Value: -1}}

// Insert stores all of subs or none.
func (s *Store) Insert(ctx context.Context, subs ...*submission.Submission) error {
	docs, err := s.encode(subs)
	if err != nil || len(docs) == 0 {
		return err
	}
	return fault("store submissions", s.intake.store(ctx, docs))
}

func owned(account, token string) bson.D {
	return bson.D{{Key: "_id", Value: token}, {Key: "account", Value: account}}
}

// Get gives one submission of an account.
func (s *Store) Get(ctx context.Context, account, token string, what submission.Part) (*submission.Submission, error) {
	found, err := one[document](ctx, s.submissions, owned(account, token), options.FindOne().SetProjection(projection(what)))
	if err != nil {
		return nil, missing("read a submission", err)
	}
	return found.submission(), nil
}

// missing is fault, with ErrNotFound where there is no document.
func missing(what string, err error) error {
	if errors.Is(err, mongo.ErrNoDocuments) {
		return submission.ErrNotFound
	}
	return fault(what, err)
}

// GetMany gives those of tokens that the account owns.
func (s *Store) GetMany(ctx context.Context, account string, tokens []string, what submission.Part) (map[string]*submission.Submission, error) {
	return s.find(ctx, bson.D{among("_id", tokens), {Key: "account", Value: account}}, what)
}

func (s *Store) find(ctx context.Context, filter bson.D, what submission.Part) (map[string]*submission.Submission, error) {
	docs, err := all[document](ctx, s.submissions, filter, options.Find().SetProjection(projection(what)))
	if err != nil {
		return nil, fault("read submissions", err)
	}
	found := make(map[string]*submission.Submission, len(docs))
	for i := range docs {
		found[docs[i].Token] = docs[i].submission()
	}
	return found, nil
}

// List gives a page of an account's submissions, newest first, and the number of all of them.
func (s *Store) List(ctx context.Context, account string, offset, limit int, what submission.Part) ([]*submission.Submission, int, error) {
	filter := bson.D{{Key: "account", Value: account}}
	total, err := s.submissions.CountDocuments(ctx, filter)
	if err != nil {
		return nil, 0, fault("count submissions", err)
	}
	docs, err := all[document](ctx, s.submissions, filter,
		options.Find().SetSort(newestFirst).SetSkip(int64(offset)).SetLimit(int64(limit)).SetProjection(projection(what)))
	if err != nil {
		return nil, 0, fault("list submissions", err)
	}
	return plain(docs), int(total), nil
}

func plain(docs []document) []*submission.Submission {
	subs := make([]*submission.Submission, len(docs))
	for i := range docs {
		subs[i] = docs[i].submission()
	}
	return subs
}

// Delete removes a submission of an account if it has ended, with its share and its delivery, which are
// in its document.
func (s *Store) Delete(ctx context.Context, account, token string) (*submission.Submission, bool, error) {
	var found document
	err := s.submissions.FindOneAndDelete(ctx, append(owned(account, token), bson.E{Key: "state", Value: int(submission.Finished)})).Decode(&found)
	switch {
	case errors.Is(err, mongo.ErrNoDocuments):
		sub, err := s.Get(ctx, account, token, submission.Whole)
		return sub, false, err
	case err != nil:
		return nil, false, fault("delete a submission", err)
	}
	return found.submission(), true, nil
}

var _ submission.Store = (*Store)(nil)
