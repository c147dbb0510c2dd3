package limit

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sandgate/sandgate/internal/redisclient"
)

// The clock is the server's, so that gateways agree; each script runs alone, so that none of them
// takes what another has taken.
//
//go:embed bucket.lua
var script string

// RedisOptions are the parts and bounds of a Redis. Zero values get defaults.
type RedisOptions struct {
	URL      string
	Prefix   string        // of the names; "{sandgate}:limit:"
	Timeout  time.Duration // of a call, after which Redis counts as away; 100 ms
	Probe    time.Duration // how often it is tried whether it is back; 500 ms
	Fallback Buckets       // in its place while it is away
	FellBack func()        // called for each Take that went by Fallback
	Log      *slog.Logger
}

// Redis keeps buckets for several gateways. Its methods may be called from any goroutine.
type Redis struct {
	RedisOptions
	client *redis.Client
	script *redis.Script
	away   atomic.Bool

	ctx   context.Context
	stop  context.CancelFunc
	mu    sync.Mutex // no probe begins after Close
	owned sync.WaitGroup
}

// NewRedis makes a Redis. It calls nothing yet: a server that is away is waited for.
func NewRedis(o RedisOptions) (*Redis, error) {
	if o.Prefix == "" {
		o.Prefix = "{sandgate}:limit:"
	}
	if o.Timeout == 0 {
		o.Timeout = 100 * time.Millisecond
	}
	if o.Probe == 0 {
		o.Probe = 500 * time.Millisecond
	}
	if o.FellBack == nil {
		o.FellBack = func() {}
	}
	options, err := redisclient.Options(o.URL)
	if err != nil {
		return nil, err
	}
	// Every request waits for this: one try, and then without.
	options.DialerRetries = 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = o.Timeout, o.Timeout, o.Timeout, o.Timeout
	r := &Redis{RedisOptions: o, client: redis.NewClient(options), script: redis.NewScript(script)}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// Away tells whether requests go by Fallback now.
func (r *Redis) Away() bool { return r.away.Load() }

// Close ends what runs in the background, and the connections.
func (r *Redis) Close() error {
	r.mu.Lock()
	r.stop()
	r.mu.Unlock()
	r.owned.Wait()
	return r.client.Close()
}

// Take implements Buckets.
func (r *Redis) Take(ctx context.Context, buckets ...Bucket) []State {
	if !r.away.Load() {
		states, err := r.take(ctx, buckets)
		if err == nil {
			return states
		}
		r.leave(err)
	}
	r.FellBack()
	return r.Fallback.Take(ctx, buckets...)
}

func (r *Redis) take(ctx context.Context, buckets []Bucket) ([]State, error) {
	keys, args := make([]string, len(buckets)), make([]any, 0, 2*len(buckets))
	for i, bucket := range buckets {
		keys[i] = r.Prefix + bucket.Name
		args = append(args, bucket.Rate.interval(), bucket.Rate.capacity())
	}
	// A client that hangs up says nothing of Redis.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout)
	defer cancel()
	answer, err := r.script.Run(ctx, r.client, keys, args...).Int64Slice()
	if err != nil {
		return nil, err
	}
	if len(answer) != len(buckets) {
		return nil, fmt.Errorf("the script of the buckets gave %d numbers for %d buckets", len(answer), len(buckets))
	}
	states, taken := make([]State, len(buckets)), true
	for i, bucket := range buckets {
		states[i], _ = outcome(bucket.Rate, answer[i], 0)
		taken = taken && states[i].Retry == 0
	}
	if !taken {
		putBack(states, buckets)
	}
	return states, nil
}

// leave has requests go by Fallback until a probe finds Redis back.
func (r *Redis) leave(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil || !r.away.CompareAndSwap(false, true) {
		return
	}
	r.Log.Warn("the Redis of the limits is away: each gateway limits for itself", "error", err)
	r.owned.Go(r.await)
}

func (r *Redis) await() {
	tick := time.NewTicker(r.Probe)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			ctx, cancel := context.WithTimeout(r.ctx, r.Timeout)
			err := r.client.Ping(ctx).Err()
			cancel()
			if err == nil {
				r.Log.Info("the Redis of the limits is back")
				r.away.Store(false)
				return
			}
		case <-r.ctx.Done():
			return
		}
	}
}
