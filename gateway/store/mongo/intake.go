package mongo

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/sandgate/sandgate/gateway/submission"
)

// intake stores new submissions: those that come while others are being written go together in the next
// write, so that many share one round trip and one wait for the journals.
type intake struct {
	into  *mongo.Collection
	queue chan *arrival
	owned sync.WaitGroup

	mu     sync.RWMutex // held for reading while an arrival is queued
	closed bool
}

// The bounds of the intake.
const (
	intakeWriters = 4
	intakeQueue   = 4096
	writeDocs     = 1000
	writeBytes    = 32 << 20
	undoTime      = 2 * time.Second
)

// arrival is one call's documents, which are stored as a whole or not at all.
type arrival struct {
	docs  []bson.Raw
	bytes int
	state atomic.Int32
	done  chan error // of length 1: a writer never waits for the one who asked
}

// The states of an arrival: whoever leaves waiting first decides whether it is stored.
const (
	waiting = iota
	started
	dropped
)

var errClosed = errors.New("the store is closed")

func newIntake(into *mongo.Collection) *intake {
	return &intake{into: into, queue: make(chan *arrival, intakeQueue)}
}

func (in *intake) start() {
	for range intakeWriters {
		in.owned.Go(in.run)
	}
}

func (in *intake) close() {
	in.mu.Lock()
	if !in.closed {
		in.closed = true
		close(in.queue)
	}
	in.mu.Unlock()
	in.owned.Wait()
}

// store returns once docs are stored. If ctx ends before their write has begun, they are not.
func (in *intake) store(ctx context.Context, docs []bson.Raw) error {
	a := &arrival{docs: docs, done: make(chan error, 1)}
	for _, doc := range docs {
		a.bytes += len(doc)
	}
	if err := in.enqueue(ctx, a); err != nil {
		return err
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		if a.state.CompareAndSwap(waiting, dropped) {
			return ctx.Err()
		}
		return <-a.done
	}
}

func (in *intake) enqueue(ctx context.Context, a *arrival) error {
	in.mu.RLock()
	defer in.mu.RUnlock()
	if in.closed {
		return errClosed
	}
	select {
	case in.queue <- a:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes arrivals until the queue is closed and empty.
func (in *intake) run() {
	var next *arrival // did not fit into the last write
	for {
		if next == nil {
			var ok bool
			if next, ok = <-in.queue; !ok {
				return
			}
		}
		batch, docs, bytes := []*arrival(nil), 0, 0
	fill:
		for next != nil {
			if len(batch) > 0 && (docs+len(next.docs) > writeDocs || bytes+next.bytes > writeBytes) {
				break
			}
			if next.state.CompareAndSwap(waiting, started) {
				batch, docs, bytes = append(batch, next), docs+len(next.docs), bytes+next.bytes
			}
			next = nil
			select {
			case next = <-in.queue: // nil: it was closed
			default:
				break fill
			}
		}
		if len(batch) > 0 {
			in.write(batch)
		}
	}
}

// write stores a batch in one call. The documents of an arrival that failed are taken out again. Should
// the gateway die before that, some are left: like any others they are run, though nobody has their tokens.
func (in *intake) write(batch []*arrival) {
	var docs []any
	for _, a := range batch {
		for _, doc := range a.docs {
			docs = append(docs, doc)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), operationTime)
	defer cancel()
	failed, err := insertAll(ctx, in.into, docs)
	var undo []string
	n := 0
	for _, a := range batch {
		fault := err
		for i := range a.docs {
			if e := failed[n+i]; e != nil && fault == nil {
				fault = e
			}
		}
		for i, doc := range a.docs {
			if fault != nil && failed[n+i] == nil {
				undo = append(undo, doc.Lookup("_id").StringValue())
			}
		}
		n += len(a.docs)
		defer func() { a.done <- fault }()
	}
	if len(undo) > 0 {
		// Tokens are made for one submission: what is found under them now came from this call.
		ctx, cancel := context.WithTimeout(context.Background(), undoTime)
		defer cancel()
		_, _ = in.into.DeleteMany(ctx, bson.D{among("_id", undo), {Key: "state", Value: int(submission.Queued)}})
	}
}

// insertAll stores documents, whether or not others of the call fail, and tells by number which failed. An
// error means that it is not known which are stored.
func insertAll(ctx context.Context, into *mongo.Collection, docs []any) (failed map[int]error, err error) {
	_, err = into.InsertMany(ctx, docs, options.InsertMany().SetOrdered(false))
	var partly mongo.BulkWriteException
	if !errors.As(err, &partly) || partly.WriteConcernError != nil {
		return nil, err
	}
	failed = map[int]error{}
	for _, e := range partly.WriteErrors {
		failed[e.Index] = e.WriteError
	}
	return failed, nil
}
