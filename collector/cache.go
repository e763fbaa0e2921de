package collector

import (
	"container/list"
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
	id, name   string
	status     geelark.Status
	failure    string
	observedAt time.Time // of status or failure; zero: nothing is known
	polledAt   time.Time // when its last poll ended; zero: never
	unlisted   bool      // absent from the last whole listing

	queue *list.List // where it waits for its next poll, nil during one
	place *list.Element
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

func (c *cache) dequeue(p *phone) {
	if p.queue != nil {
		p.queue.Remove(p.place)
		p.queue, p.place = nil, nil
	}
}

// trackListed adds phones of a listing, those that are tracked already too: the
// listing has news of their names.
func (c *cache) trackListed(phones []geelark.Phone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range phones {
		p := c.track(l.ID)
		p.unlisted = false
		if l.SerialName != "" {
			p.name = l.SerialName
		}
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

// due reports whether a phone was last polled before t, or never.
func (c *cache) due(t time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dueLocked(t)
}

func (c *cache) dueLocked(t time.Time) bool {
	if c.fresh.Len() > 0 {
		return true
	}
	front := c.polled.Front()
	return front != nil && front.Value.(*phone).polledAt.Before(t)
}

// take returns the next phones to poll, at most n, and takes them out of the
// queue until giveBack: none unless one is due as of t, and then also phones
// that are not, the oldest first, since a call costs the same.
func (c *cache) take(t time.Time, n int) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.dueLocked(t) {
		return nil
	}
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
				p.polledAt = t
				c.enqueue(p, c.polled)
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
		p := c.phones[o.id]
		if p == nil || o.at.Before(p.observedAt) {
			continue
		}
		p.observedAt, p.status, p.failure = o.at, o.status, o.failure
		if o.name != "" {
			p.name = o.name
		}
	}
}

// len returns how many phones are tracked.
func (c *cache) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.phones)
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
