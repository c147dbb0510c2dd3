// Package admin is the operator's command line: keys, accounts and the audit log.
//
// It speaks the API of the gateway in any case: over the network to a gateway that runs, or, without
// one, to the API's handlers in this process over the store.
package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/config"
	"github.com/sandgate/sandgate/gateway/httpapi"
	"github.com/sandgate/sandgate/gateway/store/mongo"
	"github.com/sandgate/sandgate/gateway/store/sqlite"
	"github.com/sandgate/sandgate/internal/sqlitedb"
)

// Is tells whether arguments are a command of this package.
func Is(args []string) bool {
	return len(args) > 0 && slices.ContainsFunc(commands, func(c command) bool { return strings.Fields(c.words)[0] == args[0] })
}

// Run carries a command out and gives the exit code: 0, 1 if it failed, 2 if it can't be understood.
func Run(ctx context.Context, program string, args []string, lookup func(string) (string, bool), out, errs io.Writer) int {
	err := run(ctx, program, args, lookup, out)
	switch wrong := (usageError{}); {
	case err == nil:
		return 0
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintf(errs, "%s: %v\n\n%s", program, wrong, usage(program))
		return 2
	}
	_, _ = fmt.Fprintf(errs, "%s: %v\n", program, err)
	return 1
}

// usageError tells that a command can't be understood.
type usageError struct{ message string }

func (e usageError) Error() string { return e.message }

// command is one thing to do. It has its flags added to those of all commands.
type command struct {
	words, arguments, about string
	prepare                 func(flags *pflag.FlagSet) func(*session) error
	args                    int // of its own; -1: one or more
}

var commands = []command{
	{"keys list", "", "the keys of all accounts, or of one", keysList, 0},
	{"keys create", "", "make a key; its secret is shown this once", keysCreate, 0},
	{"keys revoke", "ID…", "keys stop working at once", keysRevoke, -1},
	{"keys rotate", "ID", "make a key's successor; its secret is shown this once", keysRotate, 1},
	{"accounts list", "", "all accounts", accountsList, 0},
	{"accounts show", "ID", "one account", accountsShow, 1},
	{"accounts set", "ID", "change what is given of an account, or make it", accountsSet, 1},
	{"accounts delete", "ID", "remove an account with all that is its", accountsDelete, 1},
	{"audit", "", "who did what, newest first", audit, 0},
}

func usage(program string) string {
	var b strings.Builder
	b.WriteString("Commands:\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-36s %s\n", strings.TrimSpace(program+" "+c.words+" "+c.arguments), c.about)
	}
	fmt.Fprintf(&b, `
A command works on the gateway's store. While a gateway has that open, or from elsewhere, it goes
through the gateway's API with a key that has the scope admin: set SANDGATE_API_KEY and SANDGATE_URL, or
give --key and --url. "%s keys create --help" lists the flags of a command.
`, program)
	return b.String()
}

// session is one run of a command.
type session struct {
	client
	ctx  context.Context
	out  io.Writer
	json bool
	args []string
	now  time.Time
}

func run(ctx context.Context, program string, args []string, lookup func(string) (string, bool), out io.Writer) error {
	index := slices.IndexFunc(commands, func(c command) bool {
		words := strings.Fields(c.words)
		return len(args) >= len(words) && slices.Equal(args[:len(words)], words)
	})
	if index < 0 {
		if slices.Contains(args, "--help") || slices.Contains(args, "-h") {
			_, err := io.WriteString(out, usage(program))
			return err
		}
		return usageError{fmt.Sprintf("there is no command %q", strings.Join(args[:min(2, len(args))], " "))}
	}
	command := commands[index]
	flags := pflag.NewFlagSet(program+" "+command.words, pflag.ContinueOnError)
	flags.SetOutput(out)
	flags.SortFlags = false
	var place place
	asJSON := flags.Bool("json", false, "print JSON")
	flags.StringVar(&place.url, "url", "", "URL of a running gateway (SANDGATE_URL)")
	flags.StringVar(&place.key, "key", "", "API key with the scope admin (better: SANDGATE_API_KEY, which others don't see)")
	flags.StringVar(&place.config, "config", "", "YAML file with the gateway's settings (SANDGATE_CONFIG)")
	flags.StringVar(&place.dataDir, "data-dir", "", "folder of the store (SANDGATE_DATA_DIR)")
	do := command.prepare(flags)
	if err := flags.Parse(args[len(strings.Fields(command.words)):]); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			return nil
		}
		return usageError{err.Error()}
	}
	switch n := flags.NArg(); {
	case command.args == -1 && n == 0, command.args >= 0 && n != command.args:
		return usageError{fmt.Sprintf("%q takes %s", command.words, cmp.Or(command.arguments, "no arguments"))}
	}
	client, leave, err := place.open(ctx, lookup)
	if err != nil {
		return err
	}
	err = do(&session{client: client, ctx: ctx, out: out, json: *asJSON, args: flags.Args(), now: time.Now()})
	return errors.Join(err, leave())
}

// place is where the accounts are.
type place struct{ url, key, config, dataDir string }

// patience bounds a call to a gateway: deleting a large account takes a while.
const patience = 2 * time.Minute

func (p place) open(ctx context.Context, lookup func(string) (string, bool)) (client, func() error, error) {
	settings, err := p.settings(lookup)
	if err != nil {
		return client{}, nil, err
	}
	get := func(given, name string) string {
		if value, ok := lookup(name); given == "" && ok {
			return value
		}
		return given
	}
	url, key := get(p.url, "SANDGATE_URL"), get(p.key, "SANDGATE_API_KEY")
	remote := func(key string) (client, func() error, error) {
		if url == "" {
			host := settings.Host
			if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
				host = "127.0.0.1"
			}
			url = "http://" + net.JoinHostPort(host, strconv.Itoa(settings.Port))
		}
		web := &http.Client{Timeout: patience}
		return client{web, strings.TrimSuffix(url, "/"), key}, func() error { web.CloseIdleConnections(); return nil }, nil
	}
	switch {
	case key != "":
		return remote(key)
	case url != "" && settings.BootstrapKey != "":
		return remote(settings.BootstrapKey)
	case url != "":
		return client{}, nil, errors.New("to go through a gateway's API takes a key with the scope admin: set SANDGATE_API_KEY")
	}
	if settings.DatabaseURL != "" {
		store, err := mongo.Open(ctx, settings.DatabaseURL)
		if err != nil {
			return client{}, nil, err
		}
		return inside(store), store.Close, nil
	}
	path := filepath.Join(settings.DataDir, "gateway.db")
	if _, err := os.Stat(path); err != nil {
		return client{}, nil, fmt.Errorf("there is no store in %s: name its folder with --data-dir, or a running gateway with --url and SANDGATE_API_KEY", settings.DataDir)
	}
	store, err := sqlite.Open(path)
	if errors.Is(err, sqlitedb.ErrLocked) {
		if settings.BootstrapKey != "" {
			return remote(settings.BootstrapKey)
		}
		return client{}, nil, fmt.Errorf("a gateway has the store in %s open: to go through its API, set SANDGATE_API_KEY to a key with the scope admin (and SANDGATE_URL, if it is not the one of the settings)", settings.DataDir)
	}
	if err != nil {
		return client{}, nil, err
	}
	return inside(store), store.Close, nil
}

// inside is a client of the routes, over a store that is open here.
func inside(store auth.Directory) client {
	operator := auth.Account{ID: "operator", Name: "command line", Scopes: append(auth.AllScopes(), auth.Act)}
	handler := httpapi.Administration(auth.NewKeys(store, time.Now), operator)
	return client{&http.Client{Transport: inProcess{handler}}, "http://store", ""}
}

// settings are those of the gateway, as far as they are told here.
func (p place) settings(lookup func(string) (string, bool)) (config.Config, error) {
	var args []string
	if p.config != "" {
		args = append(args, "--config", p.config)
	}
	if p.dataDir != "" {
		args = append(args, "--data-dir", p.dataDir)
	}
	settings, err := config.Load(args, lookup)
	if err != nil {
		return settings, fmt.Errorf("the settings are wrong:\n%w", err)
	}
	return settings, nil
}
