// Package days reads how long something lasts, also in days.
package days

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads a whole number of days such as 30d, or what time.ParseDuration reads.
func Parse(text string) (time.Duration, error) {
	days, ok := strings.CutSuffix(text, "d")
	if !ok {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(days, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number of days", text)
	}
	return time.Duration(n) * 24 * time.Hour, nil
}
