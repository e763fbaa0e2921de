package phones

import (
	"iter"
	"slices"
	"time"

	"geelark_exporter/geelark"
)

// A Round is one going through of all phones that are to be tracked.
type Round int32

// A selection is which phones are to be tracked, numbered.
type selection int32

// NewSelection tells that other phones are to be tracked from now on: what the
// next rounds do not name was not lost but given up.
func (s *Store) NewSelection() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.selection++
}

// NewRound begins a round of tracking.
func (s *Store) NewRound() Round {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round++
	return s.round
}

// track returns the row of a phone, which it adds if there is none.
func (s *Store) track(id string, round Round) *row {
	r := s.table.byID[id]
	if r == nil {
		r = s.table.add(id)
		s.schedule.add(r)
	}
	r.round, r.selection = round, s.selection
	return r
}

// TrackListed adds phones of a listing, those that are tracked already too: the
// listing has news of them. Unless described is true, that is of their names and
// statuses only.
func (s *Store) TrackListed(round Round, phones []geelark.ListedPhone, described bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range phones {
		r := s.track(l.ID, round)
		r.unlistedAt = never
		s.learn(r, l, described)
	}
}

// DescribeListed takes in a listing of phones that are tracked anyway.
func (s *Store) DescribeListed(page *geelark.PhonePage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range page.Phones {
		if r := s.table.byID[l.ID]; r != nil {
			s.learn(r, geelark.ListedPhone{Phone: l, At: page.At}, true)
		}
	}
}

// TrackOnly tracks exactly these phones. The others were given up.
func (s *Store) TrackOnly(ids []string) Loss {
	round := s.NewRound()
	for batch := range slices.Chunk(ids, blockSize) {
		s.mu.Lock()
		for _, id := range batch {
			s.track(id, round)
		}
		s.mu.Unlock()
	}
	var loss Loss
	for r := range s.walk() {
		if loss.Tracked++; r.round != round {
			s.remove(r)
			loss.Unselected++
		}
	}
	return loss
}

// A Loss is how many phones left at once, and why.
type Loss struct {
	Tracked    int // phones before
	NotFound   int // that left because their own lookups say that they do not exist
	Unlisted   int // that left because the account's list lacks them
	Unselected int // that left because nothing names them any more
	// Doubted phones are missing from the account's list too, and have not left:
	// there are too many at once.
	Doubted int
}

// Phones returns how many left.
func (l Loss) Phones() int { return l.NotFound + l.Unlisted + l.Unselected }

// largeLoss reports whether so many phones are too many for absence alone.
func largeLoss(phones, of int) bool { return phones >= 10 && phones > of/2 }

// longAbsence is how long listings must agree on a large loss.
const longAbsence = time.Hour

// RetainListed ends the tracking of phones that a whole listing, which ended now,
// did not hold.
//
// A listing of a fleet that changes meanwhile can skip a phone, so its absence is
// believed when its own lookup agrees, or the next listing. A listing that lacks
// most phones is more likely wrong than right: then it takes their lookups, or
// listings that agree for an hour. With a filter, a phone that the listings lack
// and that can still be looked up is not selected any more.
func (s *Store) RetainListed(round Round, now time.Time, filtered bool) Loss {
	at := s.instant(now)
	var loss Loss
	leaving := 0
	for r := range s.walk() {
		loss.Tracked++
		if r.round != round && (r.isNotFound() || r.unlistedAt != never && r.selection == s.selection) {
			leaving++
		}
	}
	large := largeLoss(leaving, loss.Tracked)
	for r := range s.walk() {
		if r.round == round {
			continue
		}
		again := r.unlistedAt != never
		if !again {
			r.unlistedAt = at
		}
		switch {
		case r.isNotFound():
			loss.NotFound++
		case !again:
			continue
		case r.selection != s.selection:
			loss.Unselected++
		case large && at-r.unlistedAt < instant(longAbsence):
			loss.Doubted++
			continue
		case filtered && r.condition.Value().Knowledge == Current && r.observedAt > r.unlistedAt:
			loss.Unselected++
		default:
			loss.Unlisted++
		}
		s.remove(r)
	}
	return loss
}

// isNotFound reports whether the phone's own lookup says that it does not exist.
func (r *row) isNotFound() bool {
	return r.condition.Value().Failure == FailedWith(geelark.CodePhoneNotFound)
}

// remove ends the tracking of a phone.
func (s *Store) remove(r *row) {
	s.schedule.drop(r)
	s.table.remove(r)
}

// walk goes through all rows with the lock held, a few at a time: between them
// others have it. Each row that is there throughout is met once.
func (s *Store) walk() iter.Seq[*row] {
	return func(yield func(*row) bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for some := range slices.Chunk(slices.Clone(s.table.rows), blockSize) {
			for _, r := range some {
				if s.table.byID[r.id] == r && !yield(r) {
					return
				}
			}
			s.yield()
		}
	}
}
