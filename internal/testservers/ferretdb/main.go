// Command ferretdb serves the wire protocol of MongoDB over SQLite files, for tests where no MongoDB can
// be had: `ferretdb 127.0.0.1:27017 folder`. FerretDB stands in for MongoDB: what passes on it was not
// seen to pass on MongoDB, and its updates are not atomic, so nothing that is about writers at the same
// time can be tested on it. It is a module of its own to keep its packages out of the project's.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ferretdb address folder")
		os.Exit(2)
	}
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: os.Args[1]},
		Handler:   "sqlite",
		SQLiteURL: "file:" + os.Args[2] + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	_ = server.Run(ctx)
}
