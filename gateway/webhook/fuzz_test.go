package webhook

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// embedded gives the IPv4 addresses that an IPv6 address stands for, in the forms that gateways and hosts translate.
func embedded(address netip.Addr) []netip.Addr {
	if address.Is4() {
		return nil
	}
	b := address.As16()
	four := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	zero := func(from, to int) bool { return !slices.ContainsFunc(b[from:to], func(c byte) bool { return c != 0 }) }
	first, second := binary.BigEndian.Uint16(b[:2]), binary.BigEndian.Uint16(b[2:4])
	var found []netip.Addr
	switch {
	case zero(0, 10) && (b[10] == 0xff && b[11] == 0xff || zero(10, 12)): // mapped and compatible
		found = append(found, four(12))
	case zero(0, 8) && b[8] == 0xff && b[9] == 0xff && zero(10, 12): // translated
		found = append(found, four(12))
	case first == 0x64 && second == 0xff9b: // NAT64, and its local form
		found = append(found, four(12), four(6))
	case first == 0x2002: // 6to4
		found = append(found, four(2))
	case first == 0x2001 && second == 0: // Teredo
		found = append(found, netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), four(4))
	}
	return found
}

// mustNot tells why an address may not be called, by other means than public does.
func mustNot(address netip.Addr) string {
	ip := net.IP(address.Unmap().WithZone("").AsSlice())
	switch {
	case ip.IsLoopback(), ip.IsPrivate(), ip.IsUnspecified(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsInterfaceLocalMulticast():
		return "it is of this network"
	case ip.Equal(net.IPv4bcast), ip.To4() != nil && (ip.To4()[0] == 0 || ip.To4()[0] >= 224 || ip.To4()[0] == 100 && ip.To4()[1]&0xc0 == 64):
		return "it is of no public host"
	case ip.To4() == nil && (ip[0]&0xe0 != 0x20 || ip[0]&0xfe == 0xfc || ip[0] == 0xfe):
		return "it is given to no host"
	}
	for _, other := range embedded(address) {
		if why := mustNot(other); why != "" {
			return "it stands for " + other.String() + ": " + why
		}
	}
	return ""
}

var errNotDialled = errors.New("nothing is dialled here")

// FuzzAddress has a callback go to any address, by its bytes and as a URL. Whatever is let through is public, also
// where it stands for another one, and how it is written changes nothing.
func FuzzAddress(f *testing.F) {
	for _, text := range []string{
		"http://127.0.0.1/", "http://[::ffff:127.0.0.1]:80/x", "http://localhost", "https://8.8.8.8", "http://2130706433/", "http://0x7f.1/", "http://0177.0.0.1/", "http://[::]:1", "http://[fe80::1%25eth0]/",
		"http://10.1/", "http://user:pass@[64:ff9b::10.0.0.1]:99999/", "http://[2002:7f00:1::]", "http://①②⑦.0.0.1/", "http:///x", "//x", "http://a b", "http://[2606:4700::1111]", "http://1.1.1.1:0", "http://%31.1.1.1",
	} {
		f.Add(text, []byte{10, 0, 0, 1})
	}
	for _, text := range []string{"8.8.8.8", "100.64.0.1", "255.255.255.255", "::ffff:10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:a00:1::1", "2001:0:a00:1::f5ff:fffe", "::ffff:0:a00:1", "2606:4700::1111", "fec0::1", "fd00::1"} {
		f.Add("http://["+text+"]/", netip.MustParseAddr(text).AsSlice())
	}
	// Names are looked up nowhere but in the file of this machine.
	noNames := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errNotDialled }}
	f.Fuzz(func(t *testing.T, callback string, raw []byte) {
		if address, ok := netip.AddrFromSlice(raw); ok {
			forms := []netip.Addr{address, address.Unmap(), address.WithZone("eth0")}
			if address.Is4() {
				forms = append(forms, netip.AddrFrom16(address.As16()))
			}
			let := public(address)
			if why := mustNot(address); let && why != "" {
				t.Errorf("%s is let through: %s", address, why)
			}
			for _, form := range forms {
				if public(form) != let || (refusePrivate("tcp", netip.AddrPortFrom(form, 80).String(), nil) == nil) != let {
					t.Errorf("%s and %s are not treated alike", address, form)
				}
			}
		}
		if host := hostOf(callback); host != "" && !strings.HasPrefix(host, "localhost") && strings.ContainsFunc(host, func(r rune) bool { return r >= 'g' && r <= 'z' }) {
			return // a name, which would be looked up
		}
		dialer := &net.Dialer{Resolver: noNames, Control: func(network, address string, raw syscall.RawConn) error {
			if err := refusePrivate(network, address, raw); err != nil {
				return err
			}
			if ap, err := netip.ParseAddrPort(address); err != nil || mustNot(ap.Addr()) != "" {
				t.Errorf("%q would have %s dialled", callback, address)
			}
			return errNotDialled
		}}
		client := &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, callback, strings.NewReader("{}"))
		if err != nil {
			return
		}
		response, err := client.Do(request)
		if err == nil {
			_ = response.Body.Close()
			t.Errorf("%q was called", callback)
		}
		if said := plain(withoutURL(err)); len(callback) > 30 && strings.Contains(said, callback) {
			t.Errorf("the client is told %q", said)
		}
	})
}
