package geelark

import "time"

const (
	// A limit that others spend from too is kept to half of itself each time that
	// the API says it is broken, down to a tenth, and to a tenth more every six
	// minutes: after an hour it is whole again.
	contentionCut      = 2
	contentionSteps    = 10
	contentionRecovery = 6 * time.Minute
)

// contention is what a budget makes of being told that a limit is broken that it
// has kept to: somebody else spends from it, and nobody can know how much. So it
// gives way at once and comes back gently (additive increase, multiplicative
// decrease).
type contention struct {
	times   int
	steps   int       // tenths of the limit that were left at that time
	lowered time.Time // zero, which is long ago: never
}

// left returns how many tenths of the limit may be spent.
func (c *contention) left(now time.Time) int {
	return min(contentionSteps, c.steps+max(0, int(now.Sub(c.lowered)/contentionRecovery)))
}

// limit returns what may be spent of a limit, at least 1.
func (c *contention) limit(limit int, now time.Time) int {
	return max(1, limit*c.left(now)/contentionSteps)
}

// met takes in that a request was refused, and reports whether that lowers the
// limit. Requests that were sent before it was lowered tell nothing about the lower
// one.
func (c *contention) met(sent, now time.Time) bool {
	c.times++
	if sent.Before(c.lowered) {
		return false
	}
	c.steps, c.lowered = max(1, c.left(now)/contentionCut), now
	return true
}

// take takes over a limit that was lowered elsewhere, unless it was lowered here
// later.
func (c *contention) take(steps int, lowered time.Time) {
	if lowered.After(c.lowered) {
		c.steps, c.lowered = max(1, steps), lowered
	}
}
