package main

import "testing"

// A soak is only worth its hour if it tells growth from noise.
func TestWhatGrows(t *testing.T) {
	for _, tc := range []struct {
		name                string
		each, before, after float64 // goroutines: more with each sample, and at rest
		want                bool
	}{
		{"flat", 0, 100, 100, false},
		{"noise at rest", 0, 100, 120, false},
		{"a leak", 2, 100, 100, true},
		{"what stays at rest", 0, 100, 140, true},
	} {
		k := &soak{}
		for i := range 60 {
			k.samples = append(k.samples, sample{Second: float64(i), Goroutines: 200 + tc.each*float64(i)})
		}
		for _, trend := range k.judge(sample{Goroutines: tc.before}, sample{Goroutines: tc.after, Resident: 1000}) {
			if want := tc.want && trend.Name == "goroutines"; trend.Grows != want {
				t.Errorf("%s: %+v", tc.name, trend)
			}
		}
	}
}
