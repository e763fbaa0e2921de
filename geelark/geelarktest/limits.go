package geelarktest

import (
	"cmp"
	"time"

	"geelark_exporter/geelark"
)

// Limits bounds the requests that one endpoint takes from the account. A
// field of 0 stands for the documented limit; a negative one for no limit.
type Limits struct {
	PerMinute int // in any 60 seconds
	PerHour   int // in any 60 minutes
}

// documented returns an endpoint's limits: "Request Instructions" gives those
// of every endpoint, "Balance Inquiry" and "Get the current subscription plan
// information" their own.
func documented(endpoint string) Limits {
	switch endpoint {
	case "pay/wallet":
		return Limits{PerMinute: 10, PerHour: 24_000}
	case "pay/plan/info":
		return Limits{PerMinute: 1, PerHour: 24_000}
	}
	return Limits{PerMinute: 200, PerHour: 24_000}
}

// lock is how long a broken hourly limit locks the endpoint ("Cloud Phone
// Error Codes", 40014).
const lock = 2 * time.Hour

// A limiter watches one endpoint of an account. It reads the documents
// strictly: a limit holds in every window of its length, wherever the window
// begins. What keeps to that keeps to windows by the clock too, because at any
// moment the present minute and hour of the clock lie within the last 60
// seconds and 60 minutes; so both kinds are enforced. Refused requests count,
// as the documents speak of requests.
type limiter struct {
	limits       Limits
	lockAtOnce   bool
	minute, hour window
	blockedUntil time.Time // by the minute's limit
	lockedUntil  time.Time // for two hours
}

func newLimiters(overrides map[string]Limits, lockAtOnce bool) map[string]*limiter {
	limiters := make(map[string]*limiter, len(handlers))
	for endpoint := range handlers {
		own, usual := overrides[endpoint], documented(endpoint)
		limiters[endpoint] = &limiter{
			limits: Limits{
				PerMinute: cmp.Or(own.PerMinute, usual.PerMinute),
				PerHour:   cmp.Or(own.PerHour, usual.PerHour),
			},
			lockAtOnce: lockAtOnce,
			minute:     window{span: time.Minute},
			hour:       window{span: time.Hour},
		}
	}
	return limiters
}

// take counts a request. The breach has a Count of 0 unless this very request
// broke a limit.
//
// When a block ends, its window begins anew: the documents lift it "in the
// next minute", which could not be if the requests before it still counted.
func (l *limiter) take(now time.Time) (geelark.Code, Breach) {
	if now.Before(l.lockedUntil) {
		return geelark.CodeHourLimit, Breach{}
	}
	if n := l.hour.add(now); l.limits.PerHour >= 0 && n > l.limits.PerHour {
		l.lock(now)
		return geelark.CodeHourLimit, Breach{Window: time.Hour, At: now, Count: n}
	}
	if now.Before(l.blockedUntil) {
		return geelark.CodeRateLimited, Breach{}
	}
	if n := l.minute.add(now); l.limits.PerMinute >= 0 && n > l.limits.PerMinute {
		breach := Breach{Window: time.Minute, At: now, Count: n}
		if l.lockAtOnce {
			l.lock(now)
			return geelark.CodeHourLimit, breach
		}
		l.blockedUntil = now.Truncate(time.Minute).Add(time.Minute)
		l.minute.reset()
		return geelark.CodeRateLimited, breach
	}
	return geelark.CodeOK, Breach{}
}

func (l *limiter) lock(now time.Time) {
	l.lockedUntil = now.Add(lock)
	l.hour.reset()
	l.minute.reset()
}

// A window remembers the requests of the last span, oldest first.
type window struct {
	span  time.Duration
	times []int64 // Unix nanoseconds; those before first are past
	first int
	most  int // requests that a span ever held
}

// add counts a request and returns how many the span that ends with it holds.
// A request exactly one span ago is outside.
func (w *window) add(now time.Time) int {
	at := now.UnixNano()
	for w.first < len(w.times) && at-w.times[w.first] >= int64(w.span) {
		w.first++
	}
	if w.first > 1024 && w.first > len(w.times)/2 {
		w.times = append(w.times[:0], w.times[w.first:]...)
		w.first = 0
	}
	w.times = append(w.times, at)
	n := len(w.times) - w.first
	w.most = max(w.most, n)
	return n
}

func (w *window) reset() { w.times, w.first = nil, 0 }
