package geelark

import (
	"slices"
	"time"
)

// A Journal is told of spending before it happens, so that another process can
// know of it. It is called while a budget is locked: it must be quick, and not use
// the budgets. An error is its own affair: what cannot be written is sent all the
// same.
type Journal interface {
	// Spend tells that as many requests may be sent to an endpoint from now on
	// before the next Spend for it.
	Spend(e Endpoint, requests int, now time.Time)
	// Pause tells until when nothing is sent to an endpoint, and the code that
	// asked for that, or the HTTP status.
	Pause(e Endpoint, until time.Time, code Code, status int)
	// Lower tells how many tenths of an endpoint's limit may be spent from now
	// on, one more every six minutes: others spend from it too.
	Lower(e Endpoint, tenths int, now time.Time)
}

// aheadOfJournal is how many requests are told to a journal at once, of a limit that
// is ten times as high: so much of it is lost by a restart at the most, and so
// seldom is something written.
const aheadOfJournal = 5

// journal is a budget's part of one. The zero value tells nobody.
type journal struct {
	to   Journal
	told int // requests that may still be sent
}

func (j *journal) spend(e Endpoint, limit int, now time.Time) {
	if j.to == nil {
		return
	}
	if j.told == 0 {
		j.told = max(1, min(aheadOfJournal, limit/10))
		j.to.Spend(e, j.told, now)
	}
	j.told--
}

func (j *journal) giveBack() {
	if j.to != nil {
		j.told++
	}
}

func (j *journal) pause(e Endpoint, until time.Time, p pause) {
	if j.to != nil {
		j.to.Pause(e, until, p.code, p.status)
	}
}

func (j *journal) lower(e Endpoint, tenths int, now time.Time) {
	if j.to != nil {
		j.to.Lower(e, tenths, now)
	}
}

// A Past is what is known of an endpoint's budget.
type Past struct {
	// Ended are when the requests of the last hour ended, in any order. Those that
	// may have been sent by a process that is gone ended at the latest when the
	// next one began.
	Ended []time.Time
	// PausedUntil is the end of a pause, for a code or an HTTP status.
	PausedUntil time.Time
	Code        Code
	Status      int
	// Tenths of the limit were left to spend at LoweredAt, since others spend from
	// it too. The zero time is never.
	Tenths    int
	LoweredAt time.Time
}

// Remember takes in what a process before has spent, paused and lowered. An endpoint
// that the map lacks has spent nothing. Times that lie ahead, of a clock that was
// set back, count as now; a pause ends within two hours of now at the latest.
func (b *Budgets) Remember(past map[Endpoint]Past) {
	for e, of := range b.endpoints {
		of.remember(past[e])
	}
}

func (b *budget) remember(p Past) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, at := range p.Ended {
		if at.After(now) {
			at = now
		}
		b.ended = append(b.ended, at.Sub(b.epoch))
	}
	slices.Sort(b.ended)
	if until := earlier(p.PausedUntil, now.Add(hourPause)); until.After(b.pausedUntil) {
		b.pausedUntil, b.pause = until, pause{code: p.Code, status: p.Status}
	}
	b.contention.take(p.Tenths, earlier(p.LoweredAt, now))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Past returns what is known of each endpoint's budget now. What is in flight, and
// what a journal was told that was not sent yet, counts as ended now.
func (b *Budgets) Past() map[Endpoint]Past {
	past := make(map[Endpoint]Past)
	for e, of := range b.endpoints {
		if p := of.past(); len(p.Ended) > 0 || !p.PausedUntil.IsZero() || !p.LoweredAt.IsZero() {
			past[e] = p
		}
	}
	return past
}

func (b *budget) past() Past {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	b.advance(now)
	var p Past
	for _, d := range b.ended {
		p.Ended = append(p.Ended, b.epoch.Add(d))
	}
	for range b.inFlight + b.journal.told {
		p.Ended = append(p.Ended, now)
	}
	if b.pausedUntil.After(now) {
		p.PausedUntil, p.Code, p.Status = b.pausedUntil, b.pause.code, b.pause.status
	}
	if b.contention.left(now) < contentionSteps {
		p.Tenths, p.LoweredAt = b.contention.steps, b.contention.lowered
	}
	return p
}

// SetJournal makes the budgets tell what they spend from now on.
func (b *Budgets) SetJournal(j Journal) {
	for _, of := range b.endpoints {
		of.mu.Lock()
		of.journal = journal{to: j}
		of.mu.Unlock()
	}
}

// Doubt makes the budgets, which must be new, spend only what the vendor allows above
// their limits until a minute after a time: it is not known what was spent before
// that.
func (b *Budgets) Doubt(since time.Time) {
	for _, of := range b.endpoints {
		of.mu.Lock()
		of.doubt = newDoubt(of.now(), since, of.quota)
		of.mu.Unlock()
	}
}
