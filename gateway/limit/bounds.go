package limit

import "time"

// Bounds are what an account may use. Zero values are no bounds.
type Bounds struct {
	Rate             Rate // of requests
	DailySubmissions int64
	DailyCPU         time.Duration
}

// Over gives the bounds of an account whose own are b, where general ones hold for what it says
// nothing of. Negative values of its own stand for no bound.
func (b Bounds) Over(general Bounds) Bounds {
	if b.Rate.PerSecond == 0 {
		b.Rate.PerSecond = general.Rate.PerSecond
		if b.Rate.Burst == 0 {
			b.Rate.Burst = general.Rate.Burst
		}
	}
	if b.DailySubmissions == 0 {
		b.DailySubmissions = general.DailySubmissions
	}
	if b.DailyCPU == 0 {
		b.DailyCPU = general.DailyCPU
	}
	return Bounds{Rate{max(b.Rate.PerSecond, 0), max(b.Rate.Burst, 0)}, max(b.DailySubmissions, 0), max(b.DailyCPU, 0)}
}
