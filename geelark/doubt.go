package geelark

import "time"

// doubt is the pace of a budget that does not know what was spent before it was
// made: by a process that has just been restarted, perhaps once more. For a minute,
// the vendor's shorter window, it has only what the vendor allows above the limit that the one before has kept
// to. It spends that in slots of the clock, one request in each and none in the
// slot in which it was made: however many processes follow each other, and however
// soon, no two use the same slot. The window of an hour cannot be broken by what
// keeps to the minute's: 200 a minute are 12,000 an hour, half of what the vendor
// allows.
//
// The zero value knows all.
type doubt struct {
	until time.Time
	slot  time.Duration // 0: nothing to spare
	free  time.Time     // the end of the last slot that was used, or begun in
}

func newDoubt(now, since time.Time, q quota) doubt {
	d := doubt{until: earlier(since, now).Add(q.minute)}
	d.pace(q)
	d.take(now)
	return d
}

// pace goes on with another quota. A slot is a little longer than it need be,
// since requests do not arrive as they leave.
func (d *doubt) pace(q quota) {
	d.slot = 0
	if spare := q.spare - q.spare/20; spare > 0 {
		d.slot = q.minute / time.Duration(spare)
	}
}

// next returns the earliest time at which a request with so many before it can be
// sent.
func (d *doubt) next(now time.Time, ahead int) time.Time {
	if !now.Before(d.until) {
		return now
	}
	if d.slot == 0 {
		return d.until
	}
	at := d.free.Truncate(d.slot)
	if at.Before(d.free) {
		at = at.Add(d.slot)
	}
	at = at.Add(time.Duration(ahead) * d.slot)
	switch {
	case at.After(d.until):
		return d.until
	case at.After(now):
		return at
	}
	return now
}

// take uses the slot of now.
func (d *doubt) take(now time.Time) { d.free = now.Truncate(d.slot).Add(d.slot) }
