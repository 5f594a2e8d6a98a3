package main

import (
	"context"
	"fmt"
	"time"
)

// timeSent is the format of times in filters. They are in UTC.
const timeSent = "2006-01-02 15:04:05"

// parseTime reads a time of a filter or of an answer. Without an offset it is in UTC.
func parseTime(text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	if t, err := time.Parse("2006-01-02T15:04:05.999999999", text); err == nil {
		return t, nil
	}
	return time.Parse(timeSent, text)
}

// localTime converts a time to the local zone, to show it. It returns a text that is no time
// unchanged.
func localTime(text string) string {
	t, err := parseTime(text)
	if err != nil {
		return text
	}
	return t.Local().Format(time.DateTime)
}

// duration formats a time span as 3d 4h, 2h 05m, 12m 30s or 4s.
func duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 0:
		return "-" + duration(-d)
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh %02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd %dh", s/86400, s%86400/3600)
}

// sleep waits, and returns the error of ctx when that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
