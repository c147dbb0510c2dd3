package mongo

import (
	"context"
	"crypto/rand"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

func before(state submission.State) bson.D {
	return bson.D{{Key: "state", Value: bson.D{{Key: "$lt", Value: int(state)}}}}
}

var unfinished = before(submission.Finished)

// ifBefore is a submission whose state is still lower than the given one.
func ifBefore(state submission.State, token string) bson.D {
	return append(byID(token), before(state)...)
}

// Load gives those of tokens that exist, whoever owns them.
func (s *Store) Load(ctx context.Context, tokens ...string) (map[string]*submission.Submission, error) {
	return s.find(ctx, bson.D{among("_id", tokens)}, submission.Whole)
}

// Forwarded notes the engine's tokens of submissions that the pool took. What has ended meanwhile
// stays as it is.
func (s *Store) Forwarded(ctx context.Context, engineTokens map[string]string) error {
	if len(engineTokens) == 0 {
		return nil
	}
	var writes []mongo.WriteModel
	for token, engineToken := range engineTokens {
		writes = append(writes, mongo.NewUpdateOneModel().SetFilter(ifBefore(submission.Finished, token)).SetUpdate(bson.D{
			{Key: "$set", Value: bson.D{{Key: "engine_token", Value: engineToken}}},
			{Key: "$max", Value: bson.D{{Key: "state", Value: int(submission.Forwarded)}}},
		}))
	}
	_, err := s.submissions.BulkWrite(ctx, writes, options.BulkWrite().SetOrdered(false))
	return fault("store engine tokens", err)
}

// Begin notes that a worker runs the submission; false if that was known, or it has ended.
func (s *Store) Begin(ctx context.Context, sub *submission.Submission) (bool, error) {
	result, err := s.submissions.UpdateOne(ctx, ifBefore(submission.Processing, sub.Token), set(outcome{
		State: submission.Processing, EngineToken: sub.EngineToken, Status: sub.Status, StartedAt: sub.StartedAt, UpdatedAt: sub.UpdatedAt,
	}))
	return err == nil && result.MatchedCount > 0, fault("store a start", err)
}

// Finish stores the result of a submission, and the call that its client is owed; false if it has a
// result, or is gone.
func (s *Store) Finish(ctx context.Context, sub *submission.Submission) (bool, error) {
	result := struct {
		Outcome  outcome   `bson:",inline"`
		Delivery *delivery `bson:"delivery,omitempty"`
	}{Outcome: outcomeOf(sub)}
	result.Outcome.State = submission.Finished
	if sub.CallbackURL != nil {
		result.Delivery = &delivery{State: webhook.Pending}
		if sub.UpdatedAt != nil {
			result.Delivery.DueAt, result.Delivery.UpdatedAt = *sub.UpdatedAt, *sub.UpdatedAt
		}
	}
	if sub.Size()+result.Outcome.size() > documentMost-64<<10 {
		result.Outcome = result.Outcome.shortened()
	}
	filter := ifBefore(submission.Finished, sub.Token)
	done, err := s.submissions.UpdateOne(ctx, filter, set(result))
	if hasCode(err, codeTooLarge, codeGrewTooLarge, codeGrewTooLarge2) {
		result.Outcome = result.Outcome.shortened() // sub came without its program
		done, err = s.submissions.UpdateOne(ctx, filter, set(result))
	}
	return err == nil && done.MatchedCount > 0, fault("store a result", err)
}

// size is how many bytes the texts have.
func (o outcome) size() (n int) {
	for _, t := range []text{o.Stdout, o.Stderr, o.CompileOutput, o.Message} {
		if t != nil {
			n += len(*t)
		}
	}
	return n
}

// pending is the part of a document that a dispatcher needs to take it up.
type pending struct {
	Token       string           `bson:"_id"`
	Account     string           `bson:"account"`
	Seq         int64            `bson:"seq"`
	State       submission.State `bson:"state"`
	EngineToken string           `bson:"engine_token"`
}

var (
	pendingFields = bson.D{{Key: "seq", Value: 1}, {Key: "account", Value: 1}, {Key: "state", Value: 1}, {Key: "engine_token", Value: 1}}
	byIntake      = bson.D{{Key: "seq", Value: 1}, {Key: "_id", Value: 1}}
)

func (s *Store) pending(ctx context.Context, filter bson.D, limit int) ([]submission.Pending, error) {
	found, err := all[pending](ctx, s.submissions, filter, options.Find().SetSort(byIntake).SetLimit(int64(limit)).SetProjection(pendingFields))
	if err != nil {
		return nil, fault("read unfinished submissions", err)
	}
	list := make([]submission.Pending, len(found))
	for i, p := range found {
		list[i] = submission.Pending{Seq: p.Seq, Token: p.Token, Account: p.Account, State: p.State, EngineToken: p.EngineToken}
	}
	return list, nil
}

// Unfinished lists what a gateway carries and has not ended, in the order of intake, after the given
// one.
func (s *Store) Unfinished(ctx context.Context, owner string, after submission.Pending, limit int) ([]submission.Pending, error) {
	return s.pending(ctx, append(bson.D{
		{Key: "owner", Value: owner},
		{Key: "seq", Value: bson.D{{Key: "$gte", Value: after.Seq}}},
		{Key: "$or", Value: bson.A{
			bson.D{{Key: "seq", Value: bson.D{{Key: "$gt", Value: after.Seq}}}},
			bson.D{{Key: "_id", Value: bson.D{{Key: "$gt", Value: after.Token}}}},
		}},
	}, unfinished...), limit)
}

type gateway struct {
	ID         string    `bson:"_id"`
	AliveUntil time.Time `bson:"alive_until"`
}

// Alive says that a gateway is alive until then.
func (s *Store) Alive(ctx context.Context, id string, until time.Time) error {
	return fault("store that the gateway is alive", upsert(ctx, s.gateways, id, gateway{id, until}))
}

// Adopt makes gateway the owner of what has not ended and whose owner is not alive. Every document is
// changed by compare-and-set. What a gateway adopted before it died has an owner that is not alive.
func (s *Store) Adopt(ctx context.Context, id string, now time.Time, limit int) ([]submission.Pending, error) {
	alive, err := all[gateway](ctx, s.gateways, bson.D{{Key: "alive_until", Value: bson.D{{Key: "$gt", Value: now}}}})
	if err != nil {
		return nil, fault("read which gateways are alive", err)
	}
	owners := []string{id}
	for _, g := range alive {
		owners = append(owners, g.ID)
	}
	orphaned := append(bson.D{{Key: "owner", Value: bson.D{{Key: "$nin", Value: owners}}}}, unfinished...)
	found, err := s.pending(ctx, orphaned, limit)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	tokens := make([]string, len(found))
	for i, p := range found {
		tokens[i] = p.Token
	}
	// The mark tells what this call has won from what others have.
	mark := bson.E{Key: "adopted", Value: rand.Text()}
	these := bson.D{among("_id", tokens)}
	if _, err := s.submissions.UpdateMany(ctx, append(these, orphaned...), set(bson.D{{Key: "owner", Value: id}, mark})); err != nil {
		return nil, fault("adopt submissions", err)
	}
	return s.pending(ctx, append(bson.D{among("_id", tokens), mark}, unfinished...), limit)
}

// Leave says that a gateway is gone.
func (s *Store) Leave(ctx context.Context, id string) error {
	_, err := s.gateways.DeleteOne(ctx, byID(id))
	return fault("store that the gateway is gone", err)
}
