package collector

import (
	"container/list"
	"maps"
	"slices"
	"sync"
	"time"

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

// phone is what is known of a tracked phone.
type phone struct {
	id, name    string
	description *description // nil: not listed yet
	status      geelark.Status
	failure     string
	observedAt  time.Time // of status or failure; zero: nothing is known
	polledAt    time.Time // when its last poll, or listing in place of one, ended; zero: never
	unlisted    bool      // absent from the last whole listing

	queue *list.List // where it waits for its next poll, nil during one
	place *list.Element
}

// take takes in an observation, and reports whether it did: not when something
// newer is known.
func (p *phone) take(o observation) bool {
	if o.at.Before(p.observedAt) {
		return false
	}
	p.observedAt, p.status, p.failure = o.at, o.status, o.failure
	if o.name != "" {
		p.name = o.name
	}
	return true
}

// trusted reports whether the phone's status can be exposed as its present one.
func (p *phone) trusted(now time.Time, maxStaleness time.Duration) bool {
	return p.failure == "" && !p.observedAt.IsZero() && now.Sub(p.observedAt) <= maxStaleness
}

// cache holds an account's tracked phones in the order in which they are to be
// polled. It is safe for concurrent use.
type cache struct {
	mu     sync.Mutex
	phones map[string]*phone
	fresh  *list.List // never polled, in the order of tracking
	polled *list.List // by polledAt, the oldest first
}

func newCache() *cache {
	return &cache{phones: make(map[string]*phone), fresh: list.New(), polled: list.New()}
}

func (c *cache) enqueue(p *phone, q *list.List) { p.queue, p.place = q, q.PushBack(p) }

// requeue puts a phone that was polled at t where it belongs: at the end, but
// for a listing that ended a little before a poll.
func (c *cache) requeue(p *phone, t time.Time) {
	p.polledAt = t
	c.enqueue(p, c.polled)
	for before := p.place.Prev(); before != nil && before.Value.(*phone).polledAt.After(t); before = p.place.Prev() {
		c.polled.MoveBefore(p.place, before)
	}
}

func (c *cache) dequeue(p *phone) {
	if p.queue != nil {
		p.queue.Remove(p.place)
		p.queue, p.place = nil, nil
	}
}

// trackListed adds phones of a listing, those that are tracked already too: the
// listing has news of them.
func (c *cache) trackListed(phones []geelark.ListedPhone, describe bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range phones {
		p := c.track(l.ID)
		p.unlisted = false
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
	if l.SerialName != "" {
		p.name = l.SerialName
	}
	if describe {
		p.description = describeListed(l)
	}
	status, ok := listedStatus(p, l)
	if !ok || !p.take(observation{id: p.id, at: l.At, status: status}) {
		return
	}
	if p.queue != nil && l.At.After(p.polledAt) {
		c.dequeue(p)
		c.requeue(p, l.At)
	}
}

// trackOnly tracks exactly these phones.
func (c *cache) trackOnly(ids []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	keep := make(map[string]bool, len(ids))
	for _, id := range ids {
		keep[id] = true
		c.track(id)
	}
	c.removeFunc(func(p *phone) bool { return !keep[p.id] })
}

func (c *cache) track(id string) *phone {
	p := c.phones[id]
	if p == nil {
		p = &phone{id: id}
		c.phones[id] = p
		c.enqueue(p, c.fresh)
	}
	return p
}

// retainListed ends the tracking of phones that a whole listing did not hold. A
// listing of a fleet that changes meanwhile can skip a phone, so its absence is
// believed when the next listing or the phone's own lookup agrees.
func (c *cache) retainListed(listed map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeFunc(func(p *phone) bool {
		if listed[p.id] {
			return false
		}
		gone := p.unlisted || p.failure == codeLabel(geelark.CodePhoneNotFound)
		p.unlisted = true
		return gone
	})
}

func (c *cache) removeFunc(gone func(*phone) bool) {
	for id, p := range c.phones {
		if gone(p) {
			c.dequeue(p)
			delete(c.phones, id)
		}
	}
}

// due reports whether at least n phones were last polled before t, or never.
func (c *cache) due(t time.Time, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	n -= c.fresh.Len()
	for e := c.polled.Front(); n > 0 && e != nil && e.Value.(*phone).polledAt.Before(t); e = e.Next() {
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
	for _, q := range []*list.List{c.fresh, c.polled} {
		for len(ids) < n && q.Len() > 0 {
			p := q.Front().Value.(*phone)
			c.dequeue(p)
			ids = append(ids, p.id)
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
				c.requeue(p, t)
			}
		}
		return
	}
	for _, id := range slices.Backward(ids) {
		p := c.phones[id]
		if p == nil || p.queue != nil {
			continue
		}
		q := c.polled
		if p.polledAt.IsZero() {
			q = c.fresh
		}
		c.enqueue(p, q)
		for next := q.Front(); next != p.place; next = next.Next() {
			if !next.Value.(*phone).polledAt.Before(p.polledAt) {
				q.MoveBefore(p.place, next)
				break
			}
		}
	}
}

// observe takes in what was found out, unless something newer is known.
func (c *cache) observe(observations []observation) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range observations {
		if p := c.phones[o.id]; p != nil {
			p.take(o)
		}
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
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.phones))
}

// each calls f for every phone, all at one moment. It must be quick, keep no
// phone, and not use the cache.
func (c *cache) each(f func(*phone)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.phones {
		f(p)
	}
}

// snapshot returns a copy of every phone, taken at one moment.
func (c *cache) snapshot() []phone {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := make([]phone, 0, len(c.phones))
	for _, p := range c.phones {
		s = append(s, *p)
	}
	return s
}
