package collector

import (
	"maps"
	"math"
	"slices"
	"sync"
	"time"
	"unique"

	"geelark_exporter/geelark"
)

// FailureMissing is the failure code of a phone that an answer left out.
const FailureMissing = "missing"

// An observation is what was found out about one phone at one time. It is the
// only way into the cache.
type observation struct {
	id     string
	at     time.Time
	name   string // the serial name, "" when not told
	status geelark.Status
	// failure is the code of a lookup that failed, "" for one that told the
	// status.
	failure string
}

// An instant is a time since the cache's epoch: a third of the size of a
// [time.Time].
type instant time.Duration

const (
	never instant = math.MinInt64
	ever  instant = math.MaxInt64
)

// phone is a tracked phone. What is exposed of it stands in the columns.
type phone struct {
	id       string
	place    int   // in the columns
	round    int32 // of tracking that named it last
	unlisted bool  // absent from the last whole listing

	observedAt  instant // of status or failure
	describedAt instant
	polledAt    instant // when its last poll, or listing in place of one, ended

	links // in the queue for its next poll, none during one
}

// lifetimes are how long what is known is trusted.
type lifetimes struct{ status, rpa time.Duration }

// cache holds what is known of an account's tracked phones, and the order in
// which they are to be polled. It is safe for concurrent use. No lock is held for
// longer than a batch or a page of phones takes.
type cache struct {
	epoch time.Time

	mu     sync.Mutex
	phones map[string]*phone
	fresh  queue // never polled, in the order of tracking
	polled queue // by polledAt, the oldest first
	round  int32

	conditions   column[unique.Handle[condition]]
	descriptions column[*description]
	standings    map[standing]int
	ages         ages // of current statuses
	lifetimes    lifetimes
	oldest       []bounds // by page
}

// standing is what phones are counted by.
type standing struct {
	listed    bool
	group     string
	knowledge knowledge
	status    geelark.Status // of current ones
}

// bounds are lower bounds of the times at which a page's current statuses and
// its descriptions were told. They find the pages that grow old.
type bounds struct{ observed, described instant }

func newCache(epoch time.Time) *cache {
	return &cache{epoch: epoch, phones: make(map[string]*phone), standings: make(map[standing]int)}
}

func (c *cache) instant(t time.Time) instant {
	if t.IsZero() {
		return never
	}
	return instant(t.Sub(c.epoch))
}

func (c *cache) time(i instant) time.Time {
	if i == never {
		return time.Time{}
	}
	return c.epoch.Add(time.Duration(i))
}

// dequeue takes the phone out of its queue, if it is in one.
func (c *cache) dequeue(p *phone) {
	if p.queue != nil {
		p.queue.remove(p)
	}
}

// requeue puts a phone that was polled at t where it belongs: at the end, but
// for a listing that ended a little before a poll.
func (c *cache) requeue(p *phone, t instant) {
	p.polledAt = t
	var next *phone
	for last := c.polled.last; last != nil && last.polledAt > t; last = last.previous {
		next = last
	}
	c.polled.insertBefore(p, next)
}

// newRound begins a round of tracking.
func (c *cache) newRound() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.round++
	return c.round
}

// trackListed adds phones of a listing, those that are tracked already too: the
// listing has news of them.
func (c *cache) trackListed(round int32, phones []geelark.ListedPhone, describe bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range phones {
		p := c.track(l.ID)
		p.round, p.unlisted = round, false
		c.learn(p, l, describe)
	}
}

// describeListed takes in a listing of phones that are tracked anyway.
func (c *cache) describeListed(page *geelark.PhonePage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range page.Phones {
		if p := c.phones[l.ID]; p != nil {
			c.learn(p, geelark.ListedPhone{Phone: l, At: page.At}, true)
		}
	}
}

// learn takes in what a listing tells of a phone. A status that can be trusted
// is as good as a poll's.
func (c *cache) learn(p *phone, l geelark.ListedPhone, describe bool) {
	at := c.instant(l.At)
	if describe {
		c.describe(p, describeListed(l), at)
	} else {
		c.rename(p, l.SerialName)
	}
	status, ok := listedStatus(c.condition(p), l)
	if !ok || !c.accept(p, observation{id: p.id, at: l.At, status: status}) {
		return
	}
	if p.queue != nil && at > p.polledAt {
		c.dequeue(p)
		c.requeue(p, at)
	}
}

// trackOnly tracks exactly these phones.
func (c *cache) trackOnly(ids []string) {
	round := c.newRound()
	for batch := range slices.Chunk(ids, pageSize) {
		c.mu.Lock()
		for _, id := range batch {
			c.track(id).round = round
		}
		c.mu.Unlock()
	}
	c.removeFunc(func(p *phone) bool { return p.round != round })
}

func (c *cache) track(id string) *phone {
	p := c.phones[id]
	if p == nil {
		p = &phone{id: id, place: len(c.phones), observedAt: never, describedAt: never, polledAt: never}
		c.phones[id] = p
		c.conditions.push(p, unique.Make(condition{}))
		c.descriptions.push(p, nil)
		if p.place%pageSize == 0 {
			c.oldest = append(c.oldest, bounds{ever, ever})
		}
		c.count(p)
		c.fresh.pushBack(p)
	}
	return p
}

// retainListed ends the tracking of phones that a whole listing did not hold. A
// listing of a fleet that changes meanwhile can skip a phone, so its absence is
// believed when the next listing or the phone's own lookup agrees.
func (c *cache) retainListed(round int32) {
	notFound := codeLabel(geelark.CodePhoneNotFound)
	c.removeFunc(func(p *phone) bool {
		if p.round == round {
			return false
		}
		gone := p.unlisted || c.condition(p).failure == notFound
		p.unlisted = true
		return gone
	})
}

// removeFunc ends the tracking of phones, a page at a time.
func (c *cache) removeFunc(gone func(*phone) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, page := range c.conditions.take() {
		for _, e := range page.entries {
			if p := e.phone; c.phones[p.id] == p && gone(p) {
				c.remove(p)
			}
		}
		c.yield()
	}
}

// yield lets others have the lock.
func (c *cache) yield() {
	c.mu.Unlock()
	c.mu.Lock()
}

// remove fills the phone's place with the last phone.
func (c *cache) remove(p *phone) {
	c.dequeue(p)
	c.uncount(p)
	delete(c.phones, p.id)
	pages := c.conditions.pages
	entries := pages[len(pages)-1].entries
	if last := entries[len(entries)-1].phone; last != p {
		known, description := c.conditions.at(last.place), c.descriptions.at(last.place)
		c.uncount(last)
		last.place = p.place
		c.conditions.set(last, known)
		c.descriptions.set(last, description)
		c.count(last)
	}
	c.conditions.pop()
	c.descriptions.pop()
	c.oldest = c.oldest[:len(c.conditions.pages)]
}

// due reports whether at least n phones were last polled before t, or never.
func (c *cache) due(t time.Time, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.instant(t)
	n -= c.fresh.n
	for p := c.polled.first; n > 0 && p != nil && p.polledAt < before; p = p.next {
		n--
	}
	return n <= 0
}

// take returns the n phones that are the next to poll, or as many as there are,
// and takes them out of the queue until giveBack. Those that are not due yet
// come along, since a call costs the same.
func (c *cache) take(n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var ids []string
	for _, q := range []*queue{&c.fresh, &c.polled} {
		for len(ids) < n && q.first != nil {
			ids = append(ids, q.first.id)
			q.remove(q.first)
		}
	}
	return ids
}

// giveBack puts phones back into the queue after a poll that ended at t, or
// that was not sent when t is zero: then they keep their turn.
func (c *cache) giveBack(ids []string, t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.IsZero() {
		for _, id := range ids {
			// A phone can have been forgotten, and tracked anew.
			if p := c.phones[id]; p != nil && p.queue == nil {
				c.requeue(p, c.instant(t))
			}
		}
		return
	}
	for _, id := range slices.Backward(ids) {
		p := c.phones[id]
		if p == nil || p.queue != nil {
			continue
		}
		q := &c.polled
		if p.polledAt == never {
			q = &c.fresh
		}
		next := q.first
		for next != nil && next.polledAt < p.polledAt {
			next = next.next
		}
		q.insertBefore(p, next)
	}
}

// observe takes in what was found out, unless something newer is known.
func (c *cache) observe(observations []observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range observations {
		if p := c.phones[o.id]; p != nil {
			c.accept(p, o)
		}
	}
}

// accept takes in an observation, and reports whether it did: not when something
// newer is known.
func (c *cache) accept(p *phone, o observation) bool {
	at := c.instant(o.at)
	if at < p.observedAt {
		return false
	}
	v := condition{knowledge: current, status: o.status}
	if o.failure != "" {
		v = condition{knowledge: failed, status: c.condition(p).status, failure: o.failure}
	}
	c.uncount(p)
	p.observedAt = at
	c.conditions.set(p, unique.Make(v))
	c.count(p)
	c.rename(p, o.name)
	return true
}

// describe takes in a description that was told at a time.
func (c *cache) describe(p *phone, d description, at instant) {
	known := c.descriptions.at(p.place)
	if known != nil && d.name == "" {
		d.name = known.name
	}
	c.uncount(p)
	p.describedAt = at
	if known == nil || *known != d {
		c.descriptions.set(p, &d)
	}
	c.count(p)
}

// rename takes in a phone's name unless that is "".
func (c *cache) rename(p *phone, name string) {
	var d description
	if known := c.descriptions.at(p.place); known != nil {
		d = *known
	}
	if name != "" && name != d.name {
		d.name = name
		c.descriptions.set(p, &d)
	}
}

func (c *cache) condition(p *phone) condition { return c.conditions.at(p.place).Value() }

func (c *cache) standing(p *phone) standing {
	v := c.condition(p)
	s := standing{knowledge: v.knowledge}
	if v.knowledge == current {
		s.status = v.status
	}
	if d := c.descriptions.at(p.place); d != nil {
		s.listed, s.group = d.listed, d.group
	}
	return s
}

// count makes the phone count with what is known of it.
func (c *cache) count(p *phone) {
	s := c.standing(p)
	c.standings[s]++
	b := &c.oldest[p.place/pageSize]
	if s.knowledge == current {
		c.ages.add(p.observedAt)
		b.observed = min(b.observed, p.observedAt)
	}
	if s.listed {
		b.described = min(b.described, p.describedAt)
	}
}

// uncount undoes count, before what is known of the phone changes.
func (c *cache) uncount(p *phone) {
	s := c.standing(p)
	if c.standings[s]--; c.standings[s] == 0 {
		delete(c.standings, s)
	}
	if s.knowledge == current {
		c.ages.remove(p.observedAt)
	}
}

// settle brings what depends on time up to date: statuses and running tasks that
// were told too long ago, or that can be trusted after all when the lifetimes
// have changed.
func (c *cache) settle(now time.Time, l lifetimes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lifetimes != l {
		c.lifetimes = l
		for i := range c.oldest {
			c.oldest[i] = bounds{never, never}
		}
	}
	t := c.instant(now)
	status, rpa := t-instant(l.status), t-instant(l.rpa)
	for i := 0; i < len(c.oldest); i++ {
		if c.oldest[i].observed < status || c.oldest[i].described < rpa {
			c.settlePage(i, status, rpa)
			c.yield()
		}
	}
}

func (c *cache) settlePage(i int, status, rpa instant) {
	c.oldest[i] = bounds{ever, ever}
	for _, e := range c.conditions.pages[i].entries {
		p := e.phone
		c.uncount(p)
		if v := e.value.Value(); v.knowledge == current || v.knowledge == outdated {
			v.knowledge = current
			if p.observedAt < status {
				v.knowledge = outdated
			}
			c.conditions.set(p, unique.Make(v))
		}
		if d := c.descriptions.at(p.place); d != nil && d.listed && d.rpaOutdated != (p.describedAt < rpa) {
			changed := *d
			changed.rpaOutdated = !d.rpaOutdated
			c.descriptions.set(p, &changed)
		}
		c.count(p)
	}
}

// len returns how many phones are tracked.
func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.phones)
}

// ids returns the ids of the tracked phones in ascending order.
func (c *cache) ids() []string {
	c.mu.Lock()
	pages := c.conditions.take()
	c.mu.Unlock()
	var ids []string
	for _, page := range pages {
		for _, e := range page.entries {
			ids = append(ids, e.phone.id)
		}
	}
	slices.Sort(ids)
	return ids
}

// A snapshot is what is exposed of all phones at one moment. Both columns have
// the same phones at the same places.
type snapshot struct {
	conditions   []*page[unique.Handle[condition]]
	descriptions []*page[*description]
	standings    map[standing]int
	phones       int
	current      int // phones with a status that can be trusted now
	// oldest and median are the ages of their statuses.
	oldest, median time.Duration
}

func (c *cache) snapshot(now time.Time, l lifetimes) *snapshot {
	c.settle(now, l)
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &snapshot{
		conditions: c.conditions.take(), descriptions: c.descriptions.take(),
		standings: maps.Clone(c.standings), phones: len(c.phones), current: c.ages.n,
	}
	s.oldest, s.median = c.ages.of(c.instant(now))
	return s
}

// A record is what is known of a phone.
type record struct {
	id string
	condition
	*description
	observedAt, describedAt, polledAt time.Time
	waiting, unlisted                 bool
}

// each calls f for every phone, a page at a time. It must be quick and not use
// the cache.
func (c *cache) each(f func(*record)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := 0; i < len(c.conditions.pages); i++ {
		for _, e := range c.conditions.pages[i].entries {
			p := e.phone
			r := record{
				id: p.id, condition: e.value.Value(), description: c.descriptions.at(p.place),
				observedAt: c.time(p.observedAt), describedAt: c.time(p.describedAt), polledAt: c.time(p.polledAt),
				waiting: p.queue != nil, unlisted: p.unlisted,
			}
			if r.description == nil {
				r.description = new(description)
			}
			f(&r)
		}
		c.yield()
	}
}
