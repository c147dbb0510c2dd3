package dispatch

import (
	"strings"
	"testing"
)

// FuzzVerify tries addresses of callbacks: only the signature of the very token is taken, as it was written.
func FuzzVerify(f *testing.F) {
	d := &Dispatcher{Options: Options{Key: []byte("the key of callbacks"), Observer: &script{}}}
	token := "7f2c3a8e-1f0b-4a55-8a10-2c6f6e0f0b11"
	f.Add(token, d.mac(token), "another")
	f.Add(token, strings.ToUpper(d.mac(token)), "")
	f.Add(token, d.mac(token)[:63], "x")
	f.Add("", "", token)
	f.Fuzz(func(t *testing.T, token, mac, other string) {
		if d.Verify(token, mac) && mac != d.mac(token) {
			t.Errorf("%q is taken as the signature of %q", mac, token)
		}
		if !d.Verify(token, d.mac(token)) {
			t.Errorf("the signature of %q is not taken", token)
		}
		if other != token && d.Verify(other, d.mac(token)) {
			t.Errorf("the signature of %q is taken for %q", token, other)
		}
	})
}
