package live

import "testing"

// FuzzMark reads what a client may send as the id of the last event that it has: it is refused, or it is
// written and read again as the same.
func FuzzMark(f *testing.F) {
	for _, seed := range []string{"", "-", "--", "ABCDEFGHIJ-12-1700000000000", "-0-0", "a-9223372036854775807-9223372036854775807", "a--1-1", "a-1-1-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMark(text)
		if err != nil {
			return
		}
		again, err := parseMark(m.String())
		if err != nil || again.epoch != m.epoch || again.number != m.number || !again.at.Equal(m.at) {
			t.Errorf("%+v became %+v, %v", m, again, err)
		}
	})
}
