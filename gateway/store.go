package gateway

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"time"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/dispatch"
	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/retention"
	"github.com/sandgate/sandgate/gateway/store/mongo"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/gateway/submission"
	"github.com/sandgate/sandgate/gateway/webhook"
)

// Store is all that the gateway keeps, on SQLite or MongoDB.
type Store interface {
	submission.Store
	submission.Records
	dispatch.Store
	auth.Directory
	limit.Store
	webhook.Store
	retention.Store
	// Setting gives the value stored under name. Where there is none, it stores what create yields first.
	Setting(ctx context.Context, name string, create func() ([]byte, error)) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
	// Ping tells whether the store can be written.
	Ping(ctx context.Context) error
	Close() error
}

// openStore opens the store that the settings name; observe is told how long its calls took.
func openStore(ctx context.Context, c config.Config, observe func(operation string, took time.Duration)) (Store, error) {
	// A nil *Store in an interface is not nil: an error gives no store.
	if c.DatabaseURL != "" {
		s, err := mongo.Open(ctx, c.DatabaseURL, mongo.Options{Observe: observe})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	s, err := sqlite.Open(filepath.Join(c.DataDir, "gateway.db"), sqlite.Options{Observe: observe})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// instance is the gateway's name among those that share a store. A SQLite file has one gateway at a time,
// whose work the next one takes up: they have one name.
func instance(c config.Config) string {
	switch {
	case c.DatabaseURL == "":
		return ""
	case c.Instance != "":
		return c.Instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = "gateway"
	}
	return host + "-" + rand.Text()[:8]
}
