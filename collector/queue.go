package collector

// A queue is a list of phones, linked through them: elements of their own would
// add half of the phones' memory again. A phone is in one queue at most.
type queue struct {
	first, last *phone
	n           int
}

type links struct {
	queue          *queue // nil: in none
	previous, next *phone
}

// pushBack adds a phone at the end.
func (q *queue) pushBack(p *phone) { q.insertBefore(p, nil) }

// insertBefore adds a phone before another that is in the queue, nil for the end.
func (q *queue) insertBefore(p, next *phone) {
	p.queue, p.next, p.previous = q, next, q.last
	if next != nil {
		p.previous = next.previous
	}
	q.link(p.previous, p)
	q.link(p, next)
	q.n++
}

// remove takes a phone out.
func (q *queue) remove(p *phone) {
	q.link(p.previous, p.next)
	p.links = links{}
	q.n--
}

// link makes b follow a; nil stands for the ends of the queue.
func (q *queue) link(a, b *phone) {
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
