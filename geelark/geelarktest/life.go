package geelarktest

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"time"
)

// A phone's life is a round of off, starting and running, each for a time
// drawn from the phone's own random stream, until its month ends. It is
// caught up with when somebody looks, at the times it was due, so that it
// does not depend on who looks when.
//
// With these spans a fleet of 250 has about seven changes a minute, and 60%
// of it is running. How long a start takes is what users of the API report; no
// document tells.
var spans = map[int]struct{ shortest, longest time.Duration }{
	shutDown: {3 * time.Minute, 150 * time.Minute},
	starting: {5 * time.Second, 90 * time.Second},
	started:  {5 * time.Minute, 240 * time.Minute},
	stopping: {2 * time.Second, 20 * time.Second},
}

// stopping is no status that the API knows: a phone that was told to stop
// reports what it was until it has.
const stopping = -1

// span draws how long a phone keeps a status; short spans are more common.
func span(status int, chance *rand.Rand) time.Duration {
	s := spans[status]
	ratio := float64(s.longest) / float64(s.shortest)
	return time.Duration(float64(s.shortest) * math.Pow(ratio, chance.Float64()))
}

// begin schedules a new phone, which is somewhere within its present status.
func (f *fleet) begin(p *phone) {
	left := float64(span(p.Status, p.chance)) * p.chance.Float64()
	f.schedule(p, f.now.Add(time.Duration(left)))
}

// enter puts a phone into a status at a time, with the rest of its life.
func (f *fleet) enter(p *phone, status int, at time.Time) {
	f.become(p, status)
	if status == started {
		p.RPAStatus = p.chance.IntN(4) / 3
	}
	if p.living || status == starting {
		f.schedule(p, at.Add(span(status, p.chance)))
	} else {
		f.unschedule(p)
	}
}

// become changes a phone's status, and what it is charged by: a phone that
// is turned on uses one of the account's parallels if one is free and it is
// no monthly one, and gives it back when it is off.
func (f *fleet) become(p *phone, status int) {
	was, is := on(p.Status), on(status)
	p.Status, p.RPAStatus, p.stopping = status, 0, false
	switch {
	case was && !is:
		f.off(p)
	case !was && is:
		f.charge(p)
	}
}

func on(status int) bool { return status == started || status == starting }

// charge decides what a phone that is turned on is charged by.
func (f *fleet) charge(p *phone) {
	switch {
	case p.ChargeMode == monthly:
		p.charge = byMonth
	case f.inParallel < f.parallels:
		p.charge = byParallel
		f.inParallel++
	default:
		p.charge = byMinute
	}
}

// off gives back what a phone that was on held.
func (f *fleet) off(p *phone) {
	if p.charge == byParallel {
		f.inParallel--
	}
	p.charge = byNothing
}

// A charging says what a phone that is on is charged by.
type charging int

const (
	byNothing charging = iota
	byMinute
	byMonth
	byParallel
)

// chargingMethods holds the names that "Start cloud phone" gives them.
var chargingMethods = map[charging]string{
	byMinute:   "Per-minute usage",
	byMonth:    "Monthly rental",
	byParallel: "Parallels",
}

// stop tells a phone that is on to shut down, which takes it a while.
func (f *fleet) stop(p *phone) {
	p.stopping = true
	f.schedule(p, f.now.Add(span(stopping, p.chance)))
}

// freeze sets a phone's status and ends its own life.
func (f *fleet) freeze(p *phone, status int) {
	f.become(p, status)
	p.living = false
	f.unschedule(p)
}

// schedule has a phone moved on at a time, or when its month ends if that is
// earlier and it lives.
func (f *fleet) schedule(p *phone, next time.Time) {
	f.unschedule(p)
	if p.Status == expired {
		return
	}
	p.next = next
	if end := time.Unix(p.MonthlyExpire, 0); p.living && p.ChargeMode == monthly && end.Before(next) {
		next = end
	}
	heap.Push(&f.events, event{next, p, p.version})
}

func (f *fleet) unschedule(p *phone) { p.version++ }

// advance brings the fleet up to a time.
func (f *fleet) advance(now time.Time) {
	f.now = now
	for len(f.events) > 0 && !f.events[0].at.After(now) {
		e := heap.Pop(&f.events).(event)
		if e.version == e.phone.version {
			f.move(e.phone, e.at)
		}
	}
}

// move makes a phone's scheduled change.
func (f *fleet) move(p *phone, at time.Time) {
	switch {
	case p.living && p.ChargeMode == monthly && p.MonthlyExpire <= at.Unix():
		f.become(p, expired)
		f.unschedule(p)
	case p.stopping:
		f.enter(p, shutDown, at)
	case p.Status == starting:
		f.enter(p, started, at)
	case p.Status == started:
		f.enter(p, shutDown, at)
	default:
		f.enter(p, starting, at)
	}
}

// An event is one phone's next change.
type event struct {
	at      time.Time
	phone   *phone
	version int
}

// events is a heap, the next event first.
type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].phone.number < e[j].phone.number
}

func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	old[len(old)-1] = event{}
	*e = old[:len(old)-1]
	return last
}
