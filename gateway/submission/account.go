package submission

import "strings"

// ActorOf gives the account whose keys act for a user: the user is called account/user. false: account is no such
// user's.
func ActorOf(account string) (actor string, ok bool) {
	actor, _, ok = strings.Cut(account, "/")
	return actor, ok
}
