// Package redis is the queue and the result hub of a cluster, on Redis 7 or later.
//
// What waits is a stream; workers take from it as one consumer group. A taken entry stays in the
// stream until its submission has ended, under a lease that the worker's heartbeat renews. A lease
// that is not renewed lapses, and any worker takes the entry over. What Redis forgets is queued again
// from the store by whoever compares the two; see Tokens.
package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/redisclient"
	"github.com/sandgate/sandgate/judge0/queue"
)

// The keys carry one hash tag: a Redis Cluster keeps them on one node, as the script needs it.
const (
	streamKey  = "{sandgate}:queue"
	runningKey = "{sandgate}:running" // tokens that are run though Redis forgot their entries, by when that lapses
	groupName  = "workers"
	channel    = "sandgate:finished"

	// callTimeout bounds a call that needs no waiting.
	callTimeout = 3 * time.Second
	// freshness is how long the length of the queue is taken for granted while there is room.
	freshness = 100 * time.Millisecond
)

// Counts gets what happens; any function may be nil.
type Counts struct {
	Failed    func(err error) // a call to Redis
	Reclaimed func()          // an entry whose lease had lapsed was taken over
}

// Options say how a queue is used. Lease is the time in which another worker takes over what a lost
// one had taken.
type Options struct {
	Consumer string // the name of this process, unlike that of any other
	Limit    int    // MAX_QUEUE_SIZE
	Lease    time.Duration
	Counts   Counts
	Logger   *slog.Logger
}

// Connect makes a client; it connects when it is first used.
func Connect(url string, connections int) (*redis.Client, error) {
	o, err := redisclient.Options(url)
	if err != nil {
		return nil, err
	}
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = 2*time.Second, callTimeout, callTimeout
	o.PoolSize = connections
	return redis.NewClient(o), nil
}

// Queue is both ends of the queue. The goroutines of the workers' end start with the first Pop.
type Queue struct {
	o      Options
	client *redis.Client

	mu       sync.Mutex
	reserved int
	length   int // of what waits, when it was last seen
	seen     time.Time

	waiting atomic.Int64 // Pops that wait
	wake    chan struct{}
	idle    chan struct{}
	out     chan queue.Item

	held    sync.Mutex
	leases  map[string]lease // by the entry's id
	ctx     context.Context
	stop    context.CancelFunc
	start   sync.Once
	running sync.WaitGroup
}

type lease struct {
	token  string
	revoke func()
}

// NewQueue makes a queue on a client.
func NewQueue(client *redis.Client, o Options) *Queue {
	q := &Queue{o: o, client: client, wake: make(chan struct{}, 1), idle: make(chan struct{}, 1), out: make(chan queue.Item), leases: map[string]lease{}}
	q.ctx, q.stop = context.WithCancel(context.Background())
	return q
}

// Close ends the goroutines. What was taken and not ended is taken over by others in time.
func (q *Queue) Close() {
	q.stop()
	q.running.Wait()
}

// failed counts an error of a call, and passes it on.
func (q *Queue) failed(err error) error {
	if err != nil && q.o.Counts.Failed != nil && !errors.Is(err, redis.Nil) && !strings.HasPrefix(err.Error(), "NOGROUP") {
		q.o.Counts.Failed(err)
	}
	return err
}

func bound() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeout)
}

// Reserve takes room for n items, or gives queue.ErrFull. As in Judge0, a batch gets in whole while
// there is any room. The bound is that of one server: several at once may exceed it a little.
func (q *Queue) Reserve(n int) error {
	q.mu.Lock()
	known := time.Since(q.seen) < freshness && q.length+q.reserved < q.o.Limit
	if known {
		q.reserved += n
	}
	q.mu.Unlock()
	if known {
		return nil
	}
	if _, err := q.look(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length+q.reserved >= q.o.Limit {
		return queue.ErrFull
	}
	q.reserved += n
	return nil
}

// look counts what waits: the stream without what workers have taken.
func (q *Queue) look() (int, error) {
	ctx, cancel := bound()
	defer cancel()
	pipe := q.client.Pipeline()
	length, pending := q.count(ctx, pipe)
	_, _ = pipe.Exec(ctx)
	return q.counted(length, pending)
}

func (q *Queue) count(ctx context.Context, pipe redis.Pipeliner) (*redis.IntCmd, *redis.XPendingCmd) {
	return pipe.XLen(ctx, streamKey), pipe.XPending(ctx, streamKey, groupName)
}

func (q *Queue) counted(length *redis.IntCmd, pending *redis.XPendingCmd) (int, error) {
	if err := length.Err(); err != nil {
		return 0, fmt.Errorf("count what is queued: %w", q.failed(err))
	}
	waiting := int(length.Val())
	if pending.Err() == nil { // it fails while nobody ever took anything
		waiting = max(0, waiting-int(pending.Val().Count))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.length, q.seen = waiting, time.Now()
	return waiting, nil
}

// Push adds items in one go and gives back the room that was reserved. What Redis does not take stays
// in the store, and is queued from there later.
func (q *Queue) Push(reserved int, items ...queue.Item) {
	if len(items) > 0 {
		if err := q.Add(items...); err != nil {
			q.o.Logger.Error("queue submissions; they are queued later", "submissions", len(items), "error", err)
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reserved -= reserved
}

// Add adds items in one go.
func (q *Queue) Add(items ...queue.Item) error {
	ctx, cancel := bound()
	defer cancel()
	pipe := q.client.Pipeline()
	for _, item := range items {
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: streamKey, Values: values(item)})
	}
	length, pending := q.count(ctx, pipe)
	_, _ = pipe.Exec(ctx)
	_, err := q.counted(length, pending)
	return err
}

// The fields of an entry: token, since (microseconds), again.
func values(item queue.Item) []any {
	list := []any{"t", item.Token, "s", item.Since.UnixMicro()}
	if item.Again {
		list = append(list, "a", 1)
	}
	return list
}

func itemOf(message redis.XMessage) queue.Item {
	token, _ := message.Values["t"].(string)
	since, _ := message.Values["s"].(string)
	micros, _ := strconv.ParseInt(since, 10, 64)
	return queue.Item{Token: token, Since: time.UnixMicro(micros), ID: message.ID, Again: message.Values["a"] != nil}
}

// Len tells how many items wait, as far as is known.
func (q *Queue) Len() int {
	n, err := q.look()
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		return q.length
	}
	return n
}

// Oldest tells since when the item waits that is next; false if there is none, or Redis is away.
func (q *Queue) Oldest() (time.Time, bool) {
	ctx, cancel := bound()
	defer cancel()
	from := "-"
	if groups, err := q.client.XInfoGroups(ctx, streamKey).Result(); err == nil && len(groups) > 0 {
		from = "(" + groups[0].LastDeliveredID
	}
	list, err := q.client.XRangeN(ctx, streamKey, from, "+", 1).Result()
	if q.failed(err) != nil || len(list) == 0 {
		return time.Time{}, false
	}
	return itemOf(list[0]).Since, true
}

// Tokens gives all that is queued or being run, as far as Redis knows.
func (q *Queue) Tokens(ctx context.Context) (map[string]bool, error) {
	const page = 1000
	tokens := map[string]bool{}
	for from := "-"; ; {
		list, err := q.client.XRangeN(ctx, streamKey, from, "+", page).Result()
		if err != nil {
			return nil, fmt.Errorf("list what is queued: %w", q.failed(err))
		}
		for _, message := range list {
			tokens[itemOf(message).Token] = true
			from = "(" + message.ID
		}
		if len(list) < page {
			break
		}
	}
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	pipe := q.client.Pipeline()
	pipe.ZRemRangeByScore(ctx, runningKey, "-inf", now)
	running := pipe.ZRange(ctx, runningKey, 0, -1)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("list what is run: %w", q.failed(err))
	}
	for _, token := range running.Val() {
		tokens[token] = true
	}
	q.forgetConsumers(ctx)
	return tokens, nil
}

// forgetConsumers removes what is left of processes that ended long ago.
func (q *Queue) forgetConsumers(ctx context.Context) {
	consumers, err := q.client.XInfoConsumers(ctx, streamKey, groupName).Result()
	if err != nil {
		return
	}
	for _, consumer := range consumers {
		if consumer.Pending == 0 && consumer.Idle > time.Hour {
			q.client.XGroupDelConsumer(ctx, streamKey, groupName, consumer.Name)
		}
	}
}

// Ping tells whether Redis answers.
func (q *Queue) Ping(ctx context.Context) error { return q.failed(q.client.Ping(ctx).Err()) }

// Pop takes the oldest item under a lease, and waits for one while there is none. Its only error is
// that of ctx, or that the queue was closed.
func (q *Queue) Pop(ctx context.Context) (queue.Item, error) {
	if err := ctx.Err(); err != nil {
		return queue.Item{}, err
	}
	q.start.Do(func() {
		q.running.Go(q.fetchAll)
		q.running.Go(q.heartbeat)
	})
	q.waiting.Add(1)
	signal(q.wake)
	var err error
	select {
	case item := <-q.out: // who sent it counted this one off
		return item, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-q.ctx.Done():
		err = errors.New("the queue was closed")
	}
	if q.waiting.Add(-1) == 0 {
		signal(q.idle)
	}
	return queue.Item{}, err
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fetchAll takes as many entries as there are Pops that wait.
func (q *Queue) fetchAll() {
	var looked time.Time // for lapsed leases
	for failures := 0; q.ctx.Err() == nil; {
		n := q.waiting.Load()
		if n == 0 {
			select {
			case <-q.wake:
			case <-q.ctx.Done():
			}
			continue
		}
		var items []queue.Item
		var err error
		if time.Since(looked) >= q.o.Lease/6 {
			if items, err = q.reclaim(n); err == nil && int64(len(items)) < n {
				looked = time.Now()
			}
		}
		if err == nil && len(items) == 0 {
			items, err = q.read(n)
		}
		if q.failed(err) == nil {
			failures = 0
		} else {
			if failures++; failures == 1 {
				q.o.Logger.Error("take from the queue", "error", err)
			}
			timer := time.NewTimer(min(time.Second, 20*time.Millisecond<<min(failures, 6)))
			select {
			case <-timer.C:
			case <-q.ctx.Done():
			}
			timer.Stop()
		}
		for _, item := range items {
			q.hand(item)
		}
	}
}

// hand gives an item to a Pop, or back if all of them have left.
func (q *Queue) hand(item queue.Item) {
	item = q.hold(item)
	for q.waiting.Load() > 0 && q.ctx.Err() == nil {
		select {
		case q.out <- item:
			q.waiting.Add(-1)
			return
		case <-q.idle:
		case <-q.ctx.Done():
		}
	}
	q.Return(item)
}

func (q *Queue) hold(item queue.Item) queue.Item {
	revoked := make(chan struct{})
	item.Revoked = revoked
	q.held.Lock()
	defer q.held.Unlock()
	q.leases[item.ID] = lease{item.Token, sync.OnceFunc(func() { close(revoked) })}
	return item
}

func (q *Queue) drop(id string) {
	q.held.Lock()
	defer q.held.Unlock()
	delete(q.leases, id)
}

// read takes new entries, and waits a while for the first.
func (q *Queue) read(n int64) ([]queue.Item, error) {
	streams, err := q.client.XReadGroup(q.ctx, &redis.XReadGroupArgs{Group: groupName, Consumer: q.o.Consumer, Streams: []string{streamKey, ">"}, Count: n,
		Block: max(10*time.Millisecond, min(time.Second, q.o.Lease/6))}).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return nil, nil
	case err != nil && strings.HasPrefix(err.Error(), "NOGROUP"):
		return nil, q.makeGroup()
	case err != nil:
		return nil, err
	}
	var items []queue.Item
	for _, message := range streams[0].Messages {
		items = append(items, itemOf(message))
	}
	return items, nil
}

// makeGroup makes the group, at the first start and when Redis was emptied.
func (q *Queue) makeGroup() error {
	ctx, cancel := bound()
	defer cancel()
	err := q.client.XGroupCreateMkStream(ctx, streamKey, groupName, "0").Err()
	if err != nil && strings.HasPrefix(err.Error(), "BUSYGROUP") {
		return nil // another process made it
	}
	return err
}

// reclaim takes over entries whose lease has lapsed: their worker is lost, or has lost Redis.
func (q *Queue) reclaim(n int64) ([]queue.Item, error) {
	ctx, cancel := bound()
	defer cancel()
	var items []queue.Item
	for start := "0-0"; ; {
		messages, next, err := q.client.XAutoClaim(ctx, &redis.XAutoClaimArgs{Stream: streamKey, Group: groupName, Consumer: q.o.Consumer,
			MinIdle: q.o.Lease * 2 / 3, Start: start, Count: n - int64(len(items))}).Result()
		if err != nil && strings.HasPrefix(err.Error(), "NOGROUP") {
			return items, q.makeGroup()
		}
		if err != nil {
			return items, err
		}
		for _, message := range messages {
			item := itemOf(message)
			item.Again = true
			items = append(items, item)
			if q.o.Counts.Reclaimed != nil {
				q.o.Counts.Reclaimed()
			}
			q.o.Logger.Warn("a lapsed lease was taken over", "token", item.Token)
		}
		if start = next; start == "0-0" || int64(len(items)) >= n {
			return items, nil
		}
	}
}

// renew resets the age of the leases that this consumer still has, and gives the ids of those that
// others took over. Entries that Redis forgot are noted as being run.
var renew = redis.NewScript(`
local revoked = {}
for i = 4, #ARGV, 2 do
	local found = redis.pcall('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)
	if found.err or #found == 0 then
		redis.call('ZADD', KEYS[2], ARGV[3], ARGV[i + 1])
	elseif found[1][2] == ARGV[2] then
		redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')
	else
		revoked[#revoked + 1] = ARGV[i]
	end
end
return revoked`)

func (q *Queue) heartbeat() {
	ticker := time.NewTicker(q.o.Lease / 6)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			q.renew()
		case <-q.ctx.Done():
			return
		}
	}
}

func (q *Queue) renew() {
	q.held.Lock()
	held := maps.Clone(q.leases)
	q.held.Unlock()
	if len(held) == 0 {
		return
	}
	args := []any{groupName, q.o.Consumer, time.Now().Add(q.o.Lease).UnixMilli()}
	for id, lease := range held {
		args = append(args, id, lease.token)
	}
	ctx, cancel := bound()
	defer cancel()
	revoked, err := renew.Run(ctx, q.client, []string{streamKey, runningKey}, args...).StringSlice()
	if q.failed(err) != nil {
		q.o.Logger.Warn("renew the leases", "leases", len(held), "error", err)
		return
	}
	for _, id := range revoked {
		held[id].revoke()
		q.drop(id)
	}
}

// Done ends the delivery of an item whose submission has ended. If Redis does not hear of it, the
// item comes again, and is found to have ended.
func (q *Queue) Done(item queue.Item) {
	q.drop(item.ID)
	ctx, cancel := bound()
	defer cancel()
	pipe := q.client.Pipeline()
	q.end(ctx, pipe, item)
	if _, err := pipe.Exec(ctx); q.failed(err) != nil {
		q.o.Logger.Warn("take a submission out of the queue", "token", item.Token, "error", err)
	}
}

func (q *Queue) end(ctx context.Context, pipe redis.Pipeliner, item queue.Item) {
	pipe.XAck(ctx, streamKey, groupName, item.ID)
	pipe.XDel(ctx, streamKey, item.ID)
	pipe.ZRem(ctx, runningKey, item.Token)
}

// Return gives an item back that was not run to its end, for others to take at once.
func (q *Queue) Return(item queue.Item) {
	q.drop(item.ID)
	ctx, cancel := bound()
	defer cancel()
	pipe := q.client.TxPipeline()
	pipe.XAdd(ctx, &redis.XAddArgs{Stream: streamKey, Values: values(item)})
	q.end(ctx, pipe, item)
	if _, err := pipe.Exec(ctx); q.failed(err) != nil {
		q.o.Logger.Warn("hand a submission back; it is taken over later", "token", item.Token, "error", err)
	}
}
