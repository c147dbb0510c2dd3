package mongo

import (
	"context"
	"errors"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/limit"
)

type used struct {
	ID          string        `bson:"_id"` // of the day and the account
	Account     string        `bson:"account"`
	Day         time.Time     `bson:"day"`
	Submissions int64         `bson:"submissions"`
	Finished    int64         `bson:"finished"`
	CPU         time.Duration `bson:"cpu"` // nanoseconds
}

// AddUsage adds to what accounts used on a day.
func (s *Store) AddUsage(ctx context.Context, list []limit.Usage) error {
	var writes []mongo.WriteModel
	for _, u := range list {
		writes = append(writes, mongo.NewUpdateOneModel().SetUpsert(true).SetFilter(byID(u.Day.UTC().Format(time.DateOnly)+" "+u.Account)).SetUpdate(bson.D{
			{Key: "$inc", Value: bson.D{{Key: "submissions", Value: u.Submissions}, {Key: "finished", Value: u.Finished}, {Key: "cpu", Value: u.CPU}}},
			{Key: "$setOnInsert", Value: bson.D{{Key: "account", Value: u.Account}, {Key: "day", Value: u.Day}}},
		}))
	}
	for len(writes) > 0 {
		_, err := s.usage.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
		var partly mongo.BulkWriteException
		if !mongo.IsDuplicateKeyError(err) || !errors.As(err, &partly) || partly.WriteConcernError != nil {
			return fault("store usage", err)
		}
		// Somebody else has just made the document of the day: now there is one to add to.
		var again []mongo.WriteModel
		for _, e := range partly.WriteErrors {
			again = append(again, writes[e.Index])
		}
		writes = again
	}
	return nil
}

// Usage lists what an account used, by day.
func (s *Store) Usage(ctx context.Context, account string, first, last time.Time) ([]limit.Usage, error) {
	found, err := all[used](ctx, s.usage, bson.D{
		{Key: "account", Value: account}, {Key: "day", Value: bson.D{{Key: "$gte", Value: first.UTC().Truncate(24 * time.Hour)}, {Key: "$lte", Value: last}}},
	}, options.Find().SetSort(bson.D{{Key: "day", Value: 1}}))
	if err != nil {
		return nil, fault("read usage", err)
	}
	list := make([]limit.Usage, len(found))
	for i, u := range found {
		list[i] = limit.Usage{Account: u.Account, Day: u.Day, Submissions: u.Submissions, Finished: u.Finished, CPU: u.CPU}
	}
	return list, nil
}

var _ limit.Store = (*Store)(nil)
