package geelarktest

import (
	"math"
	"math/rand/v2"
	"time"

	"geelark_exporter/geelark"
)

// A phone's life is a round of off, starting and running, each for a time
// drawn from the phone's own random stream, until its month ends. It is
// caught up with when somebody looks, at the times it was due, so that it
// does not depend on who looks when.
//
// With these spans a fleet of 250 has about seven changes a minute, a calm one
// seven an hour, and 60% of it is running. How long a start takes is what
// users of the API report; no document tells.
var (
	spans = map[int]between{
		shutDown: {3 * time.Minute, 150 * time.Minute},
		starting: {5 * time.Second, 90 * time.Second},
		started:  {5 * time.Minute, 240 * time.Minute},
		stopping: {2 * time.Second, 20 * time.Second},
		expired:  {6 * time.Hour, 48 * time.Hour}, // until a calm fleet's owner renews it
	}
	calmSpans = map[int]between{
		shutDown: {6 * time.Hour, 80 * time.Hour},
		started:  {10 * time.Hour, 120 * time.Hour},
	}
)

type between struct{ shortest, longest time.Duration }

// stopping is no status that the API knows: a phone that was told to stop
// reports what it was until it has.
const stopping = -1

// span draws how long a phone keeps a status; short spans are more common.
func (f *fleet) span(status int, chance *rand.Rand) time.Duration {
	s, ok := calmSpans[status]
	if !ok || !f.calm {
		s = spans[status]
	}
	ratio := float64(s.longest) / float64(s.shortest)
	return time.Duration(float64(s.shortest) * math.Pow(ratio, chance.Float64()))
}

// begin schedules a new phone, which is somewhere within its present status.
func (f *fleet) begin(p *phone) {
	left := float64(f.span(p.Status, p.chance)) * p.chance.Float64()
	f.schedule(p, f.now.Add(time.Duration(left)))
}

// enter puts a phone into a status at a time, with the rest of its life.
func (f *fleet) enter(p *phone, status int, at time.Time) {
	f.become(p, status, at)
	if status == started && f.tasks == nil {
		p.RPAStatus = p.chance.IntN(4) / 3
	}
	if p.living || status == starting {
		f.schedule(p, at.Add(f.span(status, p.chance)))
	} else {
		f.unschedule(p)
	}
	if status == started && p.task != nil {
		f.tasks.run(p.task, at)
	}
}

// become changes a phone's status, and what it is charged by: a phone that
// is turned on uses one of the account's parallels if one is free and it is
// no monthly one, and gives it back when it is off. It is billed while it is
// started.
func (f *fleet) become(p *phone, status int, at time.Time) {
	was, is := on(p.Status), on(status)
	if p.Status == started {
		f.usage.end(p, at)
	}
	p.Status, p.RPAStatus, p.stopping = status, 0, false
	switch {
	case was && !is:
		f.off(p)
	case !was && is:
		f.charge(p)
	}
	if status == started {
		f.usage.begin(p, at)
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
	f.schedule(p, f.now.Add(f.span(stopping, p.chance)))
}

// startable says whether a phone that is off could be started, and why not.
func (f *fleet) startable(p *phone) geelark.Code {
	trouble := f.troubleOf(p)
	switch {
	case p.Status == expired:
		return geelark.CodePhoneExpired
	case p.stopping:
		return codeUnavailable
	case on(p.Status):
		return geelark.CodeOK
	case trouble.Proxies:
		return codeProxyUnavailable
	case trouble.Devices:
		return geelark.CodeCrowded
	case p.ChargeMode != monthly && f.inParallel >= f.parallels && f.usage != nil && f.usage.empty():
		return geelark.CodeBalance
	}
	return geelark.CodeOK
}

// broke shuts down what nobody pays for.
func (f *fleet) broke(at time.Time) {
	for _, p := range f.order {
		if p.charge == byMinute {
			f.enter(p, shutDown, at)
		}
	}
}

// freeze sets a phone's status and ends its own life.
func (f *fleet) freeze(p *phone, status int) {
	f.become(p, status, f.now)
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
	p.due = next
	if end := f.monthEnds(p); p.living && p.ChargeMode == monthly && end.Before(next) {
		next = end
	}
	f.events.push(next, event{phone: p, version: p.version})
}

func (f *fleet) unschedule(p *phone) { p.version++ }

// advance brings the fleet up to a time.
func (f *fleet) advance(now time.Time) {
	until := now.UnixNano()
	for len(f.events) > 0 && f.events[0].at <= until {
		f.usage.until(f.events[0].at / int64(time.Second))
		e := f.events.pop()
		at := time.Unix(0, e.at)
		f.now = at
		switch {
		case e.task != nil:
			f.tasks.step(e.task, at)
		case e.phone == nil:
			f.tasks.plan(at)
		case e.version == e.phone.version:
			f.move(e.phone, at)
		}
	}
	f.usage.until(now.Unix())
	f.now = now
}

// move makes a phone's scheduled change.
func (f *fleet) move(p *phone, at time.Time) {
	switch {
	case p.Status == expired && f.calm:
		p.MonthlyExpire, p.lapses = at.Add(month).Unix(), false
		f.enter(p, shutDown, at)
	case p.living && p.ChargeMode == monthly && !f.monthEnds(p).After(at):
		f.expire(p, at)
	case p.stopping:
		f.enter(p, shutDown, at)
	case p.Status == starting:
		f.enter(p, started, at)
	case p.Status == started && p.task != nil: // which is not interrupted
		next := at
		if p.task.ends.After(at) {
			next = p.task.ends
		}
		f.schedule(p, next.Add(f.span(starting, p.chance)))
	case p.Status == started:
		f.enter(p, shutDown, at)
	case f.startable(p) != geelark.CodeOK:
		f.schedule(p, at.Add(f.span(shutDown, p.chance)))
	default:
		f.enter(p, starting, at)
	}
}

const (
	month      = 30 * 24 * time.Hour
	renewAhead = 4 * 24 * time.Hour
)

// monthEnds is when a monthly phone expires or, in a calm fleet, when its
// owner renews it ahead of that, unless they will not.
func (f *fleet) monthEnds(p *phone) time.Time {
	end := time.Unix(p.MonthlyExpire, 0)
	if f.calm && !p.lapses {
		end = end.Add(-renewAhead)
	}
	return end
}

// expire ends a phone's month, or renews it.
func (f *fleet) expire(p *phone, at time.Time) {
	if f.calm && !p.lapses {
		if p.lapses = p.chance.IntN(20) == 0; !p.lapses {
			p.MonthlyExpire += int64(month / time.Second)
		}
		f.schedule(p, p.due)
		return
	}
	f.become(p, expired, at)
	f.unschedule(p)
	f.awaitRenewal(p, at)
}

// awaitRenewal has the owner of a calm fleet renew an expired phone in a
// while.
func (f *fleet) awaitRenewal(p *phone, at time.Time) {
	if f.calm {
		f.events.push(at.Add(f.span(expired, p.chance)), event{phone: p, version: p.version})
	}
}

// An event is one phone's next change, or one task's; with neither it is time
// for the next plan of tasks.
type event struct {
	at      int64 // Unix nanoseconds
	phone   *phone
	task    *task
	version int // of the phone
}

// before breaks ties: phones by their numbers, then tasks, then plans.
func (e event) before(other event) bool {
	if e.at != other.at {
		return e.at < other.at
	}
	rank, number := e.rank()
	otherRank, otherNumber := other.rank()
	return rank < otherRank || rank == otherRank && number < otherNumber
}

func (e event) rank() (int, uint64) {
	switch {
	case e.task != nil:
		return 1, e.task.number
	case e.phone == nil:
		return 2, 0
	}
	return 0, e.phone.number
}

// events is a binary heap, the next event first. container/heap would box
// each of the millions that a month of a large fleet has.
type events []event

func (e *events) push(at time.Time, next event) {
	next.at = at.UnixNano()
	list := append(*e, next)
	for i := len(list) - 1; i > 0; {
		parent := (i - 1) / 2
		if !list[i].before(list[parent]) {
			break
		}
		list[i], list[parent] = list[parent], list[i]
		i = parent
	}
	*e = list
}

func (e *events) pop() event {
	list := *e
	next, last := list[0], len(list)-1
	list[0], list[last] = list[last], event{}
	list = list[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && list[child+1].before(list[child]) {
			child++
		}
		if !list[child].before(list[i]) {
			break
		}
		list[i], list[child] = list[child], list[i]
		i = child
	}
	*e = list
	return next
}
