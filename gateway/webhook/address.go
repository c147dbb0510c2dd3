package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"
)

var (
	errPrivate = errors.New("the address is not a public one")
	errAddress = errors.New("the address can't be read")
)

// withoutURL takes the address out of an error, which is logged: it may hold a secret.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// plain says to the client what went wrong with a call, and nothing of the network that we are in.
func plain(err error) string {
	var name *net.DNSError
	var timeout interface{ Timeout() bool }
	for _, known := range []error{errPrivate, errAddress, errDead, errGone} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &name):
		return "the receiver's host is not known"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the receiver did not answer in time"
	}
	return "the receiver could not be reached"
}

// refusal is a receiver's status that is no success.
type refusal int

func (r refusal) Error() string { return fmt.Sprintf("the receiver answered %d", int(r)) }

// refusePrivate is called with the address that is about to be dialled, after the name was resolved.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !public(ap.Addr()) {
		return errPrivate
	}
	return nil
}

// assigned is what the IANA gives out to IPv6 hosts. Outside of it is what embeds an IPv4 address.
var assigned = netip.MustParsePrefix("2000::/3")

// reserved are ranges that reach no public host, or a private one by another name: by the IANA
// special-purpose registries.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

func public(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	if !address.IsGlobalUnicast() || address.IsPrivate() || address.Is6() && !assigned.Contains(address) {
		return false
	}
	for _, prefix := range reserved {
		if prefix.Contains(address) {
			return false
		}
	}
	return true
}
