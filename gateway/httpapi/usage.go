package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/limit"
	"github.com/sandgate/sandgate/gateway/submission"
)

// Usage tells what accounts used.
type Usage interface {
	Usage(ctx context.Context, account string, first, last time.Time) ([]limit.Usage, error)
}

// usageDefault and usageMost are days.
const (
	usageDefault = 30
	usageMost    = 366
)

// usage handles what an account may use and has used.
type usage struct {
	used   Usage
	bounds func(ctx context.Context) limit.Bounds
	now    func() time.Time
}

// What is not bounded is null.
type usageLimits struct {
	DailySubmissions *int64   `json:"dailySubmissions"`
	DailyCPUSeconds  *float64 `json:"dailyCpuSeconds"`
	Rate             *float64 `json:"rate"`
	Burst            *int     `json:"burst"`
}

type usageDay struct {
	Day         string  `json:"day"`
	Submissions int64   `json:"submissions"`
	Finished    int64   `json:"finished"`
	CPUSeconds  float64 `json:"cpuSeconds"`
}

func (u *usage) get(c *gin.Context) {
	ctx, today := c.Request.Context(), u.now().UTC().Truncate(24*time.Hour)
	first, last, err := u.span(c, today)
	if err != nil {
		_ = c.Error(err)
		return
	}
	used, err := u.used.Usage(ctx, account(c), first, last)
	if err != nil {
		_ = c.Error(err)
		return
	}
	of := usageDay{Day: today.Format(time.DateOnly)}
	days := make([]usageDay, len(used))
	for i, day := range used {
		days[i] = usageDay{day.Day.Format(time.DateOnly), day.Submissions, day.Finished, day.CPU.Seconds()}
		if days[i].Day == of.Day {
			of = days[i]
		}
	}
	if last.Before(today) {
		now, err := u.used.Usage(ctx, account(c), today, today)
		if err != nil {
			_ = c.Error(err)
			return
		}
		for _, day := range now {
			of = usageDay{of.Day, day.Submissions, day.Finished, day.CPU.Seconds()}
		}
	}
	c.JSON(http.StatusOK, gin.H{"limits": limitsOf(u.bounds(ctx)), "today": of, "days": days})
}

func limitsOf(b limit.Bounds) (l usageLimits) {
	if b.DailySubmissions > 0 {
		l.DailySubmissions = &b.DailySubmissions
	}
	if b.DailyCPU > 0 {
		seconds := b.DailyCPU.Seconds()
		l.DailyCPUSeconds = &seconds
	}
	if b.Rate.Limited() {
		size := b.Rate.Size()
		l.Rate, l.Burst = &b.Rate.PerSecond, &size
	}
	return l
}

// span reads the days from and to, both of them included.
func (u *usage) span(c *gin.Context, today time.Time) (first, last time.Time, err error) {
	if last, err = day(c.Query("to"), "to", today); err != nil {
		return first, last, err
	}
	if first, err = day(c.Query("from"), "from", last.AddDate(0, 0, 1-usageDefault)); err != nil {
		return first, last, err
	}
	switch {
	case first.After(last):
		err = submission.Errorf(submission.Malformed, "from is after to")
	case last.Sub(first) >= usageMost*24*time.Hour:
		err = submission.Errorf(submission.Malformed, "these are more than %d days", usageMost)
	}
	return first, last, err
}

func day(text, name string, absent time.Time) (time.Time, error) {
	if text == "" {
		return absent, nil
	}
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		err = submission.Errorf(submission.Malformed, "%s is no day such as 2026-01-31", name)
	}
	return t, err
}
