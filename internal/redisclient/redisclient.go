// Package redisclient has what all clients of Redis here have in common. Calls are not repeated by
// themselves, since one that seems to have failed may have been carried out; a context bounds each of
// them; and an error never shows the password.
package redisclient

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// silence keeps the client from writing to the terminal what it also returns.
type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func init() { redis.SetLogger(silence{}) }

// Options reads an address such as redis://:password@host:6379/0. The caller adds its own bounds.
func Options(address string) (*redis.Options, error) {
	o, err := redis.ParseURL(address)
	if err != nil {
		return nil, errors.New("the address of Redis is not one") // the cause may show the password
	}
	o.MaxRetries = -1
	o.ContextTimeoutEnabled = true
	o.DisableIdentity = true
	o.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return o, nil
}
