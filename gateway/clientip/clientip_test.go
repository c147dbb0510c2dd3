package clientip

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
	t.Parallel()
	trusted, err := ParsePrefixes("10.0.0.0/8, 127.0.0.1 ::ffff:192.168.0.0/112,fd00::/8")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, header, peer string
		values             []string
		want               string
	}{
		{"no proxy", Forwarded, "203.0.113.9:1234", nil, "203.0.113.9"},
		{"a client's claim without a proxy", Forwarded, "203.0.113.9:1234", []string{"1.2.3.4"}, "203.0.113.9"},
		{"a proxy", Forwarded, "10.0.0.1:80", []string{"203.0.113.9"}, "203.0.113.9"},
		{"a proxy that says nothing", Forwarded, "10.0.0.1:80", nil, "10.0.0.1"},
		{"a client's claim before a proxy", Forwarded, "10.0.0.1:80", []string{"1.2.3.4, 203.0.113.9"}, "203.0.113.9"},
		{"a claim to be a proxy", Forwarded, "10.0.0.1:80", []string{"10.9.9.9, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", Forwarded, "10.0.0.1:80", []string{"203.0.113.9, 192.168.0.7"}, "203.0.113.9"},
		{"two headers", Forwarded, "10.0.0.1:80", []string{"1.2.3.4, 203.0.113.9", "192.168.0.7"}, "203.0.113.9"},
		{"proxies all the way", Forwarded, "10.0.0.1:80", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"what can't be read", Forwarded, "10.0.0.1:80", []string{"1.2.3.4, unknown, 10.0.0.2"}, "10.0.0.2"},
		{"an empty entry", Forwarded, "10.0.0.1:80", []string{"1.2.3.4, "}, "10.0.0.1"},
		{"a port", Forwarded, "10.0.0.1:80", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		{"IPv6 with a port", Forwarded, "[fd00::1]:80", []string{"[2001:db8::1]:5555"}, "2001:db8::1"},
		{"IPv6 in brackets", Forwarded, "[fd00::1]:80", []string{"[2001:db8::1]"}, "2001:db8::1"},
		{"IPv4 in IPv6", Forwarded, "[::ffff:10.0.0.1]:80", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"a single address", "X-Real-IP", "127.0.0.1:80", []string{" 203.0.113.9 "}, "203.0.113.9"},
		{"a single address, from a stranger", "X-Real-IP", "127.0.0.2:80", []string{"203.0.113.9"}, "127.0.0.2"},
		{"two of what is single", "CF-Connecting-IP", "10.0.0.1:80", []string{"1.2.3.4", "203.0.113.9"}, "10.0.0.1"},
		{"nonsense", "CF-Connecting-IP", "10.0.0.1:80", []string{"; drop"}, "10.0.0.1"},
		{"a local link", Forwarded, "[fe80::1%eth0]:80", nil, "fe80::1"},
		{"no address", Forwarded, "@", []string{"1.2.3.4"}, "invalid IP"},
	} {
		request := &http.Request{RemoteAddr: tc.peer, Header: http.Header{}}
		for _, value := range tc.values {
			request.Header.Add(tc.header, value)
		}
		if got := New(trusted, tc.header).Of(request); got.String() != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestParsePrefixesNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"10.0.0.0/33", "localhost", "10.0.0.0/8,x", "fe80::1%eth0"} {
		if _, err := ParsePrefixes(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if none, err := ParsePrefixes(" , "); err != nil || len(none) != 0 {
		t.Errorf("got %v, %v", none, err)
	}
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{"203.0.113.9": "203.0.113.9/32", "2001:db8:1:2:3::4": "2001:db8:1:2::/64"} {
		if got := Network(netip.MustParseAddr(address)); got.String() != want {
			t.Errorf("%s: got %s", address, got)
		}
	}
	if Network(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}

func FuzzOf(f *testing.F) {
	f.Add("10.0.0.1:80", "1.2.3.4, 203.0.113.9", "203.0.113.9")
	resolver := New([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Forwarded)
	f.Fuzz(func(t *testing.T, peer, claim, client string) {
		address, err := netip.ParseAddr(client)
		if err != nil || address.Unmap().WithZone("") != address || resolver.trusts(address) {
			t.Skip()
		}
		// Whatever a client claims, the proxy appends who the client is.
		request := &http.Request{RemoteAddr: "10.0.0.1:80", Header: http.Header{Forwarded: {claim + ", " + client}}}
		if got := resolver.Of(request); got != address {
			t.Errorf("%q became %s", claim, got)
		}
		resolver.Of(&http.Request{RemoteAddr: peer, Header: http.Header{Forwarded: {claim}}})
	})
}
