package phones

// A schedule says which phones are due to be polled, hands them out and takes
// them back. A phone that was handed out is in no queue.
type schedule struct {
	fresh  queue // never polled, in the order of tracking
	polled queue // by polledAt, the oldest first
}

// add takes in a phone that was never polled.
func (s *schedule) add(r *row) {
	r.polledAt = never
	s.fresh.pushBack(r)
}

// drop forgets a phone.
func (s *schedule) drop(r *row) {
	if r.queue != nil {
		r.queue.remove(r)
	}
}

// due reports whether at least n phones were last polled before t, or never.
func (s *schedule) due(t instant, n int) bool {
	n -= s.fresh.n
	for r := s.polled.first; n > 0 && r != nil && r.polledAt < t; r = r.next {
		n--
	}
	return n <= 0
}

// take hands out the n phones that are the next to poll, or as many as there are.
// Those that are not due yet come along, since a call costs the same.
func (s *schedule) take(n int) []string {
	var ids []string
	for _, q := range []*queue{&s.fresh, &s.polled} {
		for len(ids) < n && q.first != nil {
			ids = append(ids, q.first.id)
			q.remove(q.first)
		}
	}
	return ids
}

// polledNow puts a phone that was polled at t where it belongs: at the end, but
// for a listing that ended a little before a poll.
func (s *schedule) polledNow(r *row, t instant) {
	s.drop(r)
	r.polledAt = t
	var next *row
	for last := s.polled.last; last != nil && last.polledAt > t; last = last.previous {
		next = last
	}
	s.polled.insertBefore(r, next)
}

// putBack gives a phone that was not polled its turn again. Of several, the last
// comes first.
func (s *schedule) putBack(r *row) {
	q := &s.polled
	if r.polledAt == never {
		q = &s.fresh
	}
	next := q.first
	for next != nil && next.polledAt < r.polledAt {
		next = next.next
	}
	q.insertBefore(r, next)
}
