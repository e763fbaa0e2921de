package phones

// A queue is a list of phones, linked through them: elements of their own would
// add half of the phones' memory again. A phone is in one queue at most.
type queue struct {
	first, last *row
	n           int
}

type links struct {
	queue          *queue // nil: in none
	previous, next *row
}

// pushBack adds a phone at the end.
func (q *queue) pushBack(r *row) { q.insertBefore(r, nil) }

// insertBefore adds a phone before another that is in the queue, nil for the end.
func (q *queue) insertBefore(r, next *row) {
	r.queue, r.next, r.previous = q, next, q.last
	if next != nil {
		r.previous = next.previous
	}
	q.link(r.previous, r)
	q.link(r, next)
	q.n++
}

// remove takes a phone out.
func (q *queue) remove(r *row) {
	q.link(r.previous, r.next)
	r.links = links{}
	q.n--
}

// link makes b follow a; nil stands for the ends of the queue.
func (q *queue) link(a, b *row) {
	if a == nil {
		q.first = b
	} else {
		a.next = b
	}
	if b == nil {
		q.last = a
	} else {
		b.previous = a
	}
}
