package api

import (
	"strings"
	"testing"
)

func TestValuesAreCountedOutsideOfStrings(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("[", MaxValues)
	for text, want := range map[string]bool{
		many: false, many + "[": true, `"` + many + `,"`: false, `"\"` + many + `,"`: false, `"\\"` + many + `,"`: true,
		`{"a":"\\\"` + many + `,"}`: false, `"` + many + many: false, "": false, `"`: false, `\"` + many + ",": false,
	} {
		if got := TooManyValues([]byte(text)); got != want {
			t.Errorf("%.12s: %v", text, got)
		}
	}
}
