package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sandgate/sandgate/gateway/webhook"
)

// FuzzSign checks signatures as a receiver does, and that nothing else than what was signed has them.
func FuzzSign(f *testing.F) {
	f.Add("whsec_secret", int64(1_700_000_000), []byte(`{"token":"a"}`), []byte(`{"token":"b"}`))
	f.Add("", int64(-1), []byte{}, []byte("."))
	f.Add("a", int64(1), []byte("1.x"), []byte("x"))
	f.Fuzz(func(t *testing.T, secret string, at int64, body, other []byte) {
		timestamp, signature := webhook.Sign(secret, time.Unix(at, 0), body)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(timestamp + "." + string(body)))
		if signature != "v1="+hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("a receiver refuses %q at %s", signature, timestamp)
		}
		if _, changed := webhook.Sign(secret, time.Unix(at, 0), other); changed == signature && string(other) != string(body) {
			t.Errorf("%q and %q have the same signature", body, other)
		}
		if _, later := webhook.Sign(secret, time.Unix(at+1, 0), body); later == signature {
			t.Error("the time is not signed")
		}
	})
}
