// Package clientip tells the address of the client behind trusted proxies.
//
// It promises that a client can't choose the address that it is known by: what a header says counts
// only as far as trusted proxies wrote it.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Forwarded is the header that each proxy on the way appends the address of its peer to.
const Forwarded = "X-Forwarded-For"

// Headers are those that a Resolver can read. All but Forwarded hold one address, which the proxy sets.
func Headers() []string { return []string{Forwarded, "X-Real-IP", "CF-Connecting-IP"} }

// Resolver finds clients' addresses. Its methods may be called from any goroutine.
type Resolver struct {
	trusted []netip.Prefix
	header  string
}

// New makes a Resolver that believes header where a peer in trusted sends it. Without any trusted
// peer, the client is who is connected.
func New(trusted []netip.Prefix, header string) *Resolver {
	return &Resolver{trusted, header}
}

// ParsePrefixes reads a list of networks and single addresses, with commas or spaces between.
func ParsePrefixes(list string) ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			var address netip.Addr
			if address, err = netip.ParseAddr(text); err != nil || address.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if address := prefix.Addr(); address.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(address.Unmap(), prefix.Bits()-96)
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// Of gives the address of the client that made a request. Where a proxy's word can't be read, it is
// the last address that is known for sure. The zero Addr stands for a peer without an address.
func (r *Resolver) Of(request *http.Request) netip.Addr {
	peer := parse(request.RemoteAddr)
	if !r.trusts(peer) {
		return peer
	}
	values := request.Header.Values(r.header)
	if !strings.EqualFold(r.header, Forwarded) {
		// Of several, nobody can tell which one the proxy wrote.
		if len(values) != 1 {
			return peer
		}
		if address := parse(values[0]); address.IsValid() {
			return address
		}
		return peer
	}
	// Each hop wrote down its peer at the right: the first from there that is no proxy of ours is the
	// client, and what stands left of it is the client's own claim.
	for _, value := range slices.Backward(values) {
		for value != "" {
			rest, last := "", value
			if comma := strings.LastIndexByte(value, ','); comma >= 0 {
				rest, last = value[:comma], value[comma+1:]
			}
			address := parse(last)
			if !address.IsValid() {
				return peer
			}
			if peer = address; !r.trusts(peer) {
				return peer
			}
			value = rest
		}
	}
	return peer
}

func (r *Resolver) trusts(address netip.Addr) bool {
	return address.IsValid() && slices.ContainsFunc(r.trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}

// parse reads an address with or without a port, brackets or a zone.
func parse(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if pair, err := netip.ParseAddrPort(text); err == nil {
		return pair.Addr().Unmap().WithZone("")
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return address.Unmap().WithZone("")
}

// Network gives what stands for one client where addresses are counted: the address itself, and of
// IPv6 the /64, all of whose addresses are one subscriber's.
func Network(address netip.Addr) netip.Prefix {
	bits := address.BitLen()
	if address.Is6() {
		bits = 64
	}
	prefix, _ := address.Prefix(bits)
	return prefix
}
