// Package limit keeps clients within bounds: how fast they may ask, and how much they may use in a day.
//
// Buckets hold requests back: in memory, or in Redis for several gateways. While Redis is away, each
// gateway goes by buckets of its own; a limiter that fails lets requests through rather than holding
// up everybody. Quotas count what accounts use in a day (UTC), durably; a crash loses a second of it.
package limit
