// Command ferretdb serves the wire protocol of MongoDB over SQLite files, for tests where no MongoDB can
// be had: `ferretdb 127.0.0.1:27017 folder`. `ferretdb relay :27017 socket program arguments…` does so
// with a FerretDB of its own, which program is and which listens on socket: one that asks for passwords.
//
// FerretDB stands in for MongoDB: what passes on it was not seen to pass on MongoDB. Its updates are not
// atomic, as those of a MongoDB document are. Commands are therefore let through one at a time: each is
// atomic then, and clients can still come between each other's commands, which is what tests of
// compare-and-set need.
//
// It is a module of its own to keep its packages out of the project's.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case len(os.Args) == 3:
		err = serve(ctx, os.Args[1], os.Args[2])
	case len(os.Args) > 4 && os.Args[1] == "relay":
		err = relayTo(ctx, os.Args[2], os.Args[3], os.Args[4:])
	default:
		fmt.Fprintln(os.Stderr, "usage: ferretdb address folder\n       ferretdb relay address socket program arguments…")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// relayTo runs a program that serves on socket, and ends with it.
func relayTo(ctx context.Context, address, socket string, command []string) error {
	_ = os.Remove(socket) // of one that was killed
	outer, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = outer.Close() })
	program := exec.CommandContext(ctx, command[0], command[1:]...)
	program.Stdout, program.Stderr = os.Stdout, os.Stderr
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	program.WaitDelay = 10 * time.Second
	if err := program.Start(); err != nil {
		return err
	}
	go accept(outer, socket)
	if err := program.Wait(); ctx.Err() == nil {
		return fmt.Errorf("%s ended: %w", command[0], err)
	}
	return nil
}

func serve(ctx context.Context, address, folder string) error {
	socket := filepath.Join(folder, "socket")
	_ = os.Remove(socket) // of one that was killed
	inner, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{Unix: socket},
		Handler:   "sqlite",
		SQLiteURL: "file:" + folder + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	outer, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = outer.Close() })
	go accept(outer, socket)
	return inner.Run(ctx)
}

func accept(outer net.Listener, socket string) {
	var one sync.Mutex
	for {
		client, err := outer.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			continue
		}
		go func() {
			defer func() { _ = client.Close() }()
			server, err := net.Dial("unix", socket)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return
			}
			defer func() { _ = server.Close() }()
			for relay(client, server, &one) == nil {
			}
		}()
	}
}

// relay takes one command to the server and its answer back. No other command runs meanwhile.
func relay(client, server net.Conn, one *sync.Mutex) error {
	command, err := message(client)
	if err != nil {
		return err
	}
	one.Lock()
	answer, err := exchange(server, command)
	one.Unlock()
	if err == nil {
		_, err = client.Write(answer)
	}
	return err
}

func exchange(server net.Conn, command []byte) ([]byte, error) {
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	return message(server)
}

// message reads a message of the wire protocol, which begins with its length.
func message(from io.Reader) ([]byte, error) {
	const most = 48 << 20
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(length[:])
	if n < 16 || n > most {
		return nil, fmt.Errorf("a message of %d bytes", n)
	}
	whole := make([]byte, n)
	copy(whole, length[:])
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}
