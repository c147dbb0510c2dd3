package redis

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// FuzzItem reads entries of the stream that anybody may have put there, and ones that were written here.
func FuzzItem(f *testing.F) {
	f.Add("t", "1700000000000000", "1", true)
	f.Add("", "-9223372036854775808", "", false)
	f.Add("\x00", "99999999999999999999", "x", true)
	f.Fuzz(func(t *testing.T, token, since, again string, marked bool) {
		entry := redis.XMessage{ID: "1-0", Values: map[string]any{"t": token, "s": since}}
		if marked {
			entry.Values["a"] = again
		}
		item := itemOf(entry)
		if item.Token != token || item.ID != "1-0" || item.Again != marked {
			t.Errorf("%+v became %+v", entry, item)
		}
		// What is written is read back; Redis makes text of numbers.
		back := redis.XMessage{ID: "2-0", Values: map[string]any{}}
		written := values(item)
		for i := 0; i < len(written); i += 2 {
			back.Values[written[i].(string)] = fmt.Sprint(written[i+1])
		}
		if got := itemOf(back); got.Token != item.Token || got.Again != item.Again || !got.Since.Equal(item.Since) {
			t.Errorf("%+v came back as %+v", item, got)
		}
		if got := itemOf(redis.XMessage{Values: map[string]any{"t": 1, "s": nil}}); got.Token != "" || !got.Since.Equal(time.UnixMicro(0)) {
			t.Errorf("got %+v", got)
		}
	})
}
