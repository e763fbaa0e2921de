package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"geelark_exporter/geelark"
)

// ErrUnsteady is what a [Reader] returns when the pages of a span did not add up:
// what was read is counted, and the span is read again.
var ErrUnsteady = errors.New("the pages do not add up, the rest is read next time")

// ErrForgotten is what a [Reader] returns once when the vendor had forgotten a time
// before it was read: what was used then is not counted.
var ErrForgotten = errors.New("what was used was forgotten by the vendor before it was read and is not counted")

const (
	// overlap is read again each time: most late entries are a little late.
	overlap = 10 * time.Second
	// passes is how often a span is gone through whose pages do not add up.
	passes = 3
	// A span that is longer than this many pages is not begun: a shorter one is
	// read first.
	mostPages = 20
	// margin keeps a span within what the vendor answers about.
	margin = 5 * time.Minute
	// patience is how long nothing older is compared after a comparison that
	// found a difference and no flow.
	patience = time.Hour
)

// A Source is asked for flows: a [geelark.Client].
type Source interface {
	Transactions(ctx context.Context, q geelark.FlowQuery) (*geelark.FlowPage, error)
}

// A Reader brings a ledger up to date. It is not safe for concurrent use.
type Reader struct {
	ledger  *Ledger
	source  Source
	groupOf func(phone string) (string, bool)
	now     func() time.Time

	// read is up to where flows were read, in the vendor's time; caughtUp is when
	// there was nothing behind it.
	read, caughtUp time.Time
	// step is how much time is read at once.
	step time.Duration
	lost span // was forgotten, and not said yet

	ends     ending
	suspects []span // may hold flows that are not known
	found    int    // in the comparison that is under way
	differed bool
	rest     time.Time // nothing older is compared before
	calls    int       // left in this turn
}

// A span is of seconds of creation, both ends included.
type span struct{ from, to int64 }

// An ending says whether the vendor counts what was created in the very second that
// a query ends with, which is not documented.
type ending int

const (
	notLearned ending = iota
	counted
	leftOut
)

// NewReader returns a reader that has read up to a time and had caught up at another:
// when counting began, or what an earlier reader's Read and CaughtUp returned.
func NewReader(l *Ledger, source Source, read, caughtUp time.Time, groupOf func(phone string) (string, bool), now func() time.Time) *Reader {
	return &Reader{ledger: l, source: source, read: read, caughtUp: caughtUp, groupOf: groupOf, now: now, step: geelark.FlowMemory}
}

// With returns the reader with another's source: it asks for the same account.
func (r *Reader) With(other *Reader) *Reader {
	with := *r
	with.source = other.source
	return &with
}

// Read returns up to where flows were read. What is created later is not known.
func (r *Reader) Read() time.Time { return r.read }

// CaughtUp returns when there was nothing behind that, by the local clock.
func (r *Reader) CaughtUp() time.Time { return r.caughtUp }

// Behind returns how much time has passed that was not read yet.
func (r *Reader) Behind() time.Duration { return max(r.now().Sub(r.seen()), 0) }

// seen is up to when all is known that there was to know.
func (r *Reader) seen() time.Time {
	if r.caughtUp.After(r.read) {
		return r.caughtUp
	}
	return r.read
}

// errSpent ends a turn whose calls are used up.
var errSpent = errors.New("no calls left")

// Turn reads what is new with as many calls as are given at the most, and looks
// for late entries with those that are left. What was learned before an error is
// kept.
func (r *Reader) Turn(ctx context.Context, calls int) error {
	r.calls = calls
	err := r.advance(ctx)
	if err == nil {
		err = r.compare(ctx)
	}
	if err != nil && !errors.Is(err, errSpent) {
		return err
	}
	if lost := r.lost; lost != (span{}) {
		r.lost = span{}
		at := func(second int64) string { return time.Unix(second, 0).UTC().Format(time.RFC3339) }
		return fmt.Errorf("%w: %s to %s", ErrForgotten, at(lost.from), at(lost.to))
	}
	return nil
}

// oldest is the first second that the vendor answers about.
func (r *Reader) oldest() int64 {
	return max(r.ledger.Floor(), r.now().Add(margin-geelark.FlowMemory).Unix())
}

// advance reads from where reading ended to now, in spans of a bounded length, the
// oldest first: that is what the vendor forgets first.
func (r *Reader) advance(ctx context.Context) error {
	for {
		now := r.now()
		if remembered := now.Add(margin - geelark.FlowMemory); r.seen().Before(remembered) {
			if r.lost == (span{}) {
				r.lost.from = r.seen().Unix()
			}
			r.lost.to, r.read = remembered.Unix(), remembered
		}
		from := max(r.read.Add(-overlap).Unix(), r.oldest())
		s := span{from, time.Unix(from, 0).Add(overlap + r.step).Unix()}
		tip := !time.Unix(s.to, 0).Before(now)
		if tip {
			s.to = 0 // without an end: the vendor's clock may be ahead
		}
		total, err := r.readSpan(ctx, s)
		if errors.Is(err, errTooLong) {
			r.step = max(r.step/4, time.Second)
			continue
		}
		if err != nil {
			return err
		}
		if tip {
			// The vendor's clock counts: what it says last was said by then.
			r.caughtUp = now
			if last := r.ledger.Last(); last.After(r.read) {
				r.read = last
			}
			if total < geelark.MaxFlows {
				r.step = min(2*r.step, geelark.FlowMemory)
			}
			return nil
		}
		r.read = time.Unix(s.to, 0)
		if total < mostPages/4*geelark.MaxFlows {
			r.step = min(2*r.step, geelark.FlowMemory)
		}
	}
}

// errTooLong is about a span with more pages than are read at once.
var errTooLong = errors.New("too many flows at once")

// readSpan counts the flows of a span until its pages add up, and returns how many
// there are.
func (r *Reader) readSpan(ctx context.Context, s span) (total int, err error) {
	for pass := range passes {
		total, steady, err := r.pass(ctx, s, pass == 0)
		if err != nil || steady {
			return total, err
		}
	}
	return 0, ErrUnsteady
}

// pass goes through the pages of a span once.
func (r *Reader) pass(ctx context.Context, s span, first bool) (total int, steady bool, err error) {
	seen := make(map[string]bool)
	q := r.query(s, geelark.MaxFlows)
	begun := -1 // how many there were when the pass began
	for {
		page, err := r.ask(ctx, q)
		if err != nil {
			return 0, false, err
		}
		if first && q.After == "" && page.Total > mostPages*geelark.MaxFlows && r.divisible(s) {
			return 0, false, errTooLong
		}
		onward := false
		for _, f := range page.Flows {
			onward = onward || !seen[f.ID]
			seen[f.ID] = true
		}
		r.found += r.ledger.Count(page.Flows, r.groupOf)
		total, here := page.Total, len(page.Flows)+page.Skipped
		if begun < 0 {
			begun = total
		}
		// What may be the total of a full page alone says nothing of the next.
		if len(seen)+page.Skipped >= total && (here < q.Limit || total > here) {
			return total, true, nil
		}
		// What has come meanwhile may stand before the pages that were read.
		if here < q.Limit && len(seen)+page.Skipped >= begun && q.After != "" {
			return total, true, nil
		}
		if !onward || page.Last == "" || page.Last == q.After {
			return total, false, nil
		}
		q.After = page.Last
	}
}

// divisible reports whether a shorter span than this can be read.
func (r *Reader) divisible(s span) bool {
	return s.to == 0 && r.step > time.Second || s.to-s.from > int64(overlap/time.Second)+1
}

func (r *Reader) query(s span, limit int) geelark.FlowQuery {
	q := geelark.FlowQuery{Start: time.Unix(s.from, 0), Limit: limit}
	if s.to != 0 {
		q.End = time.Unix(s.to, 0)
	}
	if s.to != 0 && r.ends == leftOut {
		q.End = q.End.Add(time.Second)
	}
	return q
}

// learnEnding finds out whether a query that ends with a second, of which flows are
// known, has them.
func (r *Reader) learnEnding(ctx context.Context, second int64) error {
	page, err := r.ask(ctx, r.query(span{second - 1, second}, geelark.MaxFlows))
	if err != nil {
		return err
	}
	r.found += r.ledger.Count(page.Flows, r.groupOf)
	whole := len(page.Flows) < geelark.MaxFlows && len(page.Flows)+page.Skipped >= page.Total
	switch {
	case slices.ContainsFunc(page.Flows, func(f geelark.Flow) bool { return f.Created.Unix() == second }):
		r.ends = counted
	case whole:
		r.ends = leftOut
	}
	return nil
}

func (r *Reader) ask(ctx context.Context, q geelark.FlowQuery) (*geelark.FlowPage, error) {
	if r.calls <= 0 {
		return nil, errSpent
	}
	r.calls--
	page, err := r.source.Transactions(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("reading what was used: %w", err)
	}
	return page, nil
}

// compare looks for flows that appeared after the time of their creation was
// read: it asks how many there are, and where that differs from what is known
// divides the span until a page holds it.
func (r *Reader) compare(ctx context.Context) error {
	now := r.now()
	if len(r.suspects) == 0 {
		s := span{r.oldest(), r.read.Add(-overlap).Unix()}
		if now.Before(r.rest) || s.to < s.from {
			return nil
		}
		r.suspects, r.found, r.differed = append(r.suspects, s), 0, false
	}
	for len(r.suspects) > 0 {
		s := r.suspects[len(r.suspects)-1]
		s.from = max(s.from, r.oldest())
		if s.from > s.to {
			r.suspects = r.suspects[:len(r.suspects)-1]
			continue
		}
		if r.ends == notLearned && r.ledger.Known(s.to, s.to) > 0 {
			if err := r.learnEnding(ctx, s.to); err != nil {
				return err
			}
		}
		known := r.ledger.Known(s.from, s.to)
		limit := geelark.MaxFlows
		if known > geelark.MaxFlows {
			limit = 1 // only the total is of use
		}
		page, err := r.ask(ctx, r.query(s, limit))
		if err != nil {
			return err
		}
		r.found += r.ledger.Count(page.Flows, r.groupOf)
		r.suspects = r.suspects[:len(r.suspects)-1]
		n := page.Total - page.Skipped
		if n == r.ledger.Known(s.from, s.to) || r.ends == notLearned && n == r.ledger.Known(s.from, s.to-1) {
			continue
		}
		r.differed = true
		switch {
		case len(page.Flows)+page.Skipped >= page.Total:
			// All of it was on the page: the vendor counts otherwise than we do.
		case s.from == s.to:
			if _, err := r.readSpan(ctx, s); err != nil && !errors.Is(err, ErrUnsteady) {
				r.suspects = append(r.suspects, s)
				return err
			}
		default:
			middle := s.from + (s.to-s.from)/2
			r.suspects = append(r.suspects, span{s.from, middle}, span{middle + 1, s.to})
		}
	}
	if r.differed && r.found == 0 {
		r.rest, r.ends = now.Add(patience), notLearned
	}
	return nil
}
