package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/sandgate/sandgate/gateway/auth"
	"github.com/sandgate/sandgate/gateway/httpapi"
)

// pageSize is how many entries are asked for at once.
const pageSize = 500

func accountPath(id string) string { return "/accounts/" + url.PathEscape(id) }

// print shows values as JSON, or as a table with a row for each.
func print[T any](s *session, values []T, header string, row func(T) []string) error {
	if s.json {
		if values == nil {
			values = []T{}
		}
		return s.printJSON(values)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, strings.ReplaceAll(header, " ", "\t"))
	for _, value := range values {
		cells := row(value)
		for i, cell := range cells {
			cells[i] = printable(cell)
		}
		_, _ = fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}

func (s *session) printJSON(value any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// printable keeps what others chose from steering the terminal.
func printable(text string) string {
	if text == "" {
		return "-"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}

func when(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

// state says in a word whether a key works.
func (s *session) state(k httpapi.Key) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked"
	case k.ExpiresAt != nil && !s.now.Before(*k.ExpiresAt):
		return "expired"
	}
	return "works"
}

func (s *session) printKeys(keys []httpapi.Key) error {
	return print(s, keys, "ID BEGINS NAME ACCOUNT SCOPES CREATED EXPIRES USED STATE", func(k httpapi.Key) []string {
		return []string{k.ID, k.Prefix, k.Name, k.Account, k.Scopes.String(), when(&k.CreatedAt), when(k.ExpiresAt), when(k.LastUsedAt), s.state(k)}
	})
}

// printSecret shows a key that was just made.
func (s *session) printSecret(key httpapi.Key) error {
	if s.json {
		return s.printJSON(key)
	}
	_, err := fmt.Fprintf(s.out, "Key %s of the account %s. Its secret is shown this once:\n\n    %s\n", key.ID, printable(key.Account), key.Secret)
	return err
}

// eachAccount walks through all accounts.
func (s *session) eachAccount(visit func(httpapi.Account) (more bool, err error)) error {
	for cursor := ""; ; {
		var page struct {
			Accounts []httpapi.Account
			Next     *string
		}
		if err := s.call(s.ctx, http.MethodGet, fmt.Sprintf("/accounts?limit=%d&cursor=%s", pageSize, url.QueryEscape(cursor)), nil, &page); err != nil {
			return err
		}
		for _, account := range page.Accounts {
			if more, err := visit(account); !more || err != nil {
				return err
			}
		}
		if page.Next == nil {
			return nil
		}
		cursor = *page.Next
	}
}

func (s *session) keysOf(account string) ([]httpapi.Key, error) {
	var list struct{ Keys []httpapi.Key }
	err := s.call(s.ctx, http.MethodGet, accountPath(account)+"/keys", nil, &list)
	return list.Keys, err
}

// keyPath finds a key, in an account that is named or in all of them.
func (s *session) keyPath(account, id string) (path string, err error) {
	look := func(account string) error {
		keys, err := s.keysOf(account)
		for _, key := range keys {
			if key.ID == id {
				path = accountPath(account) + "/keys/" + url.PathEscape(id)
			}
		}
		return err
	}
	if account != "" {
		err = look(account)
	} else {
		err = s.eachAccount(func(a httpapi.Account) (bool, error) {
			err := look(a.ID)
			return path == "", err
		})
	}
	if err == nil && path == "" {
		err = fmt.Errorf("there is no key %s", printable(id))
	}
	return path, err
}

func keysList(flags *pflag.FlagSet) func(*session) error {
	account := flags.String("account", "", "only the keys of this account")
	return func(s *session) error {
		var keys []httpapi.Key
		var err error
		if *account != "" {
			keys, err = s.keysOf(*account)
		} else {
			err = s.eachAccount(func(a httpapi.Account) (bool, error) {
				more, err := s.keysOf(a.ID)
				keys = append(keys, more...)
				return true, err
			})
		}
		if err != nil {
			return err
		}
		return s.printKeys(keys)
	}
}

func keysCreate(flags *pflag.FlagSet) func(*session) error {
	account := flags.String("account", auth.FirstAccount, "whose key it is to be; the account is made if it is new")
	name := flags.String("name", "command line", "what tells the key from others")
	scopes := flags.StringSlice("scopes", []string{"submit", "read"}, "rights: submit, read, delete, admin, act")
	expires := flags.String("expires", "", "when it stops working: in a time such as 720h, or at one such as 2030-01-31T00:00:00Z")
	return func(s *session) error {
		body := map[string]any{"name": *name, "scopes": *scopes}
		if *expires != "" {
			at, err := time.Parse(time.RFC3339, *expires)
			if span, spanErr := time.ParseDuration(*expires); spanErr == nil {
				at, err = s.now.Add(span), nil
			}
			if err != nil {
				return usageError{fmt.Sprintf("--expires: %q is no time", *expires)}
			}
			body["expiresAt"] = at.UTC().Format(time.RFC3339)
		}
		var key httpapi.Key
		if err := s.call(s.ctx, http.MethodPost, accountPath(*account)+"/keys", body, &key); err != nil {
			return err
		}
		return s.printSecret(key)
	}
}

func keysRevoke(flags *pflag.FlagSet) func(*session) error {
	account := flags.String("account", "", "whose key it is; empty: it is looked for")
	return func(s *session) error {
		for _, id := range s.args {
			path, err := s.keyPath(*account, id)
			if err == nil {
				err = s.call(s.ctx, http.MethodDelete, path, nil, nil)
			}
			if err != nil {
				return err
			}
			if !s.json {
				_, _ = fmt.Fprintf(s.out, "Key %s is revoked.\n", id)
			}
		}
		return nil
	}
}

func keysRotate(flags *pflag.FlagSet) func(*session) error {
	account := flags.String("account", "", "whose key it is; empty: it is looked for")
	overlap := flags.Duration("overlap", 0, "how long the old key goes on working, such as 24h")
	return func(s *session) error {
		path, err := s.keyPath(*account, s.args[0])
		if err != nil {
			return err
		}
		var key httpapi.Key
		if err := s.call(s.ctx, http.MethodPost, path+"/rotate", map[string]any{"overlapSeconds": int64(overlap.Seconds())}, &key); err != nil {
			return err
		}
		return s.printSecret(key)
	}
}

func (s *session) printAccounts(accounts []httpapi.Account) error {
	return print(s, accounts, "ID NAME CREATED DISABLED KEPT RATE BURST SUBMISSIONS/DAY CPU-SECONDS/DAY", func(a httpapi.Account) []string {
		return []string{
			a.ID, a.Name, when(&a.CreatedAt), map[bool]string{true: "yes", false: "no"}[a.Disabled], own((time.Duration(a.RetentionSeconds) * time.Second).String(), a.RetentionSeconds == 0),
			bound(a.Limits.Rate), bound(float64(a.Limits.Burst)), bound(float64(a.Limits.DailySubmissions)), bound(a.Limits.DailyCPUSeconds),
		}
	})
}

// own shows what an account has of its own, or that the settings of the gateway hold.
func own(text string, byDefault bool) string {
	if byDefault {
		return "default"
	}
	return text
}

func bound(limit float64) string {
	if limit < 0 {
		return "none"
	}
	return own(fmt.Sprintf("%g", limit), limit == 0)
}

func accountsList(*pflag.FlagSet) func(*session) error {
	return func(s *session) error {
		var accounts []httpapi.Account
		err := s.eachAccount(func(a httpapi.Account) (bool, error) {
			accounts = append(accounts, a)
			return true, nil
		})
		if err != nil {
			return err
		}
		return s.printAccounts(accounts)
	}
}

func (s *session) printAccount(account httpapi.Account) error {
	if s.json {
		return s.printJSON(account)
	}
	return s.printAccounts([]httpapi.Account{account})
}

func accountsShow(*pflag.FlagSet) func(*session) error {
	return func(s *session) error {
		var account httpapi.Account
		if err := s.call(s.ctx, http.MethodGet, accountPath(s.args[0]), nil, &account); err != nil {
			return err
		}
		return s.printAccount(account)
	}
}

// settable is what may be chosen of an account.
type settable struct {
	Name             string                `json:"name"`
	Disabled         bool                  `json:"disabled"`
	RetentionSeconds int64                 `json:"retentionSeconds"`
	Limits           httpapi.AccountLimits `json:"limits"`
	Policy           json.RawMessage       `json:"policy"`
}

func accountsSet(flags *pflag.FlagSet) func(*session) error {
	name := flags.String("name", "", "what people call it")
	disabled := flags.Bool("disabled", false, "refuse all its requests")
	retention := flags.Duration("retention", 0, "how long its submissions are kept, such as 720h; 0: as the settings say")
	rate := flags.Float64("rate", 0, "requests a second; 0: as the settings say, -1: no bound")
	burst := flags.Int("burst", 0, "requests at once; likewise")
	submissions := flags.Int("daily-submissions", 0, "submissions in a day; likewise")
	cpu := flags.Float64("daily-cpu", 0, "CPU seconds in a day; likewise")
	policy := flags.String("policy", "", "JSON file that says what programs may not contain; -: none")
	return func(s *session) error {
		var account httpapi.Account
		var refused *fault
		if err := s.call(s.ctx, http.MethodGet, accountPath(s.args[0]), nil, &account); err != nil && (!errors.As(err, &refused) || refused.status != http.StatusNotFound) {
			return err
		}
		body := settable{account.Name, account.Disabled, account.RetentionSeconds, account.Limits, account.Policy}
		var err error
		flags.Visit(func(f *pflag.Flag) {
			switch f.Name {
			case "name":
				body.Name = *name
			case "disabled":
				body.Disabled = *disabled
			case "retention":
				body.RetentionSeconds = int64(retention.Seconds())
			case "rate":
				body.Limits.Rate = *rate
			case "burst":
				body.Limits.Burst = *burst
			case "daily-submissions":
				body.Limits.DailySubmissions = *submissions
			case "daily-cpu":
				body.Limits.DailyCPUSeconds = *cpu
			case "policy":
				if body.Policy = nil; *policy != "-" {
					body.Policy, err = os.ReadFile(*policy)
				}
			}
		})
		if err == nil {
			err = s.call(s.ctx, http.MethodPut, accountPath(s.args[0]), body, &account)
		}
		if err != nil {
			return err
		}
		return s.printAccount(account)
	}
}

func accountsDelete(flags *pflag.FlagSet) func(*session) error {
	sure := flags.Bool("yes", false, "needed: it can't be undone")
	return func(s *session) error {
		if !*sure {
			return usageError{"accounts delete removes submissions and keys for good: say --yes"}
		}
		if err := s.call(s.ctx, http.MethodDelete, accountPath(s.args[0]), nil, nil); err != nil || s.json {
			return err
		}
		_, err := fmt.Fprintf(s.out, "The account %s is deleted.\n", printable(s.args[0]))
		return err
	}
}

func audit(flags *pflag.FlagSet) func(*session) error {
	limit := flags.Int("limit", 50, "entries to show")
	return func(s *session) error {
		var entries []httpapi.Entry
		for cursor := ""; len(entries) < *limit; {
			var page struct {
				Entries []httpapi.Entry
				Next    *string
			}
			if err := s.call(s.ctx, http.MethodGet, fmt.Sprintf("/audit?limit=%d&cursor=%s", min(*limit-len(entries), pageSize), url.QueryEscape(cursor)), nil, &page); err != nil {
				return err
			}
			entries = append(entries, page.Entries...)
			if page.Next == nil {
				break
			}
			cursor = *page.Next
		}
		return print(s, entries, "AT ACCOUNT KEY ACTION TARGET ADDRESS REQUEST", func(e httpapi.Entry) []string {
			return []string{e.At.UTC().Format("2006-01-02 15:04:05"), e.Account, e.KeyID, e.Action, e.Target, e.Address, e.Request}
		})
	}
}
