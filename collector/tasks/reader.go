package tasks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"geelark_exporter/geelark"
)

const (
	// again is how often the whole list is gone through when nothing asks for it.
	again = 6 * time.Hour
	// patience is how long the list is not gone through after a time that found
	// nothing, though the vendor counts otherwise than the tracker.
	patience = time.Hour
)

// A Source is asked for tasks: a [geelark.Client].
type Source interface {
	TaskHistory(ctx context.Context, last string, size int) (*geelark.TaskPage, error)
	Tasks(ctx context.Context, ids []string) ([]geelark.Task, error)
}

// A Reader brings a tracker up to date. It is not safe for concurrent use.
type Reader struct {
	tracker *Tracker
	source  Source
	now     func() time.Time

	end    string    // the last task of the list when it was last gone through
	pass   *pass     // under way, nil: none
	passed time.Time // when the last one ended
	vain   bool      // it found nothing
	calls  int       // left in this turn
}

// A pass goes through the whole list, over several turns if it must.
type pass struct {
	last         string
	pages, found int
}

// NewReader returns a reader.
func NewReader(t *Tracker, source Source, now func() time.Time) *Reader {
	return &Reader{tracker: t, source: source, now: now}
}

// With returns the reader with another's source: it asks for the same account.
func (r *Reader) With(other *Reader) *Reader {
	with := *r
	with.source = other.source
	return &with
}

var errSpent = errors.New("no calls left")

// Turn brings the tracker up to date with as many calls as are given at the most.
// What was learned before an error is kept, and one API that fails does not keep
// the other back. The first error is returned.
func (r *Reader) Turn(ctx context.Context, calls int) error {
	r.calls = calls
	r.tracker.forget(r.now())
	err := r.follow(ctx, calls/2)
	if found := r.discover(ctx); err == nil {
		err = found
	}
	if errors.Is(err, errSpent) {
		return nil
	}
	return err
}

// follow asks what became of open tasks.
func (r *Reader) follow(ctx context.Context, calls int) error {
	for range max(calls, 1) {
		ids := r.tracker.due(r.now(), geelark.MaxTasks)
		if len(ids) == 0 {
			return nil
		}
		if r.calls--; r.calls < 0 {
			return errSpent
		}
		tasks, err := r.source.Tasks(ctx, ids)
		if err != nil {
			return fmt.Errorf("asking what became of tasks: %w", err)
		}
		r.tracker.learn(tasks, r.now())
		r.tracker.answered(ids, tasks, r.now())
	}
	return nil
}

// page reads and learns a page of the list.
func (r *Reader) page(ctx context.Context, last string) (page *geelark.TaskPage, unknown int, err error) {
	if r.calls--; r.calls < 0 {
		return nil, 0, errSpent
	}
	page, err = r.source.TaskHistory(ctx, last, geelark.MaxTasks)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the list of tasks: %w", err)
	}
	return page, r.tracker.learn(page.Tasks, r.now()), nil
}

// discover looks for tasks that are not known.
func (r *Reader) discover(ctx context.Context) error {
	if r.pass == nil && r.passed.IsZero() {
		r.pass = &pass{}
	}
	page, unknown, err := r.page(ctx, "")
	if err != nil {
		return err
	}
	total := page.Total - page.Skipped
	for !r.passed.IsZero() && unknown > 0 && page.Last != "" {
		if page, unknown, err = r.page(ctx, page.Last); err != nil {
			return err
		}
	}
	if err := r.readBehind(ctx); err != nil {
		return err
	}
	if r.pass == nil && r.isDue(total) {
		r.pass = &pass{}
	}
	return r.walk(ctx)
}

// readBehind reads what has come behind the end of the list.
func (r *Reader) readBehind(ctx context.Context) error {
	for r.end != "" {
		page, unknown, err := r.page(ctx, r.end)
		if isRefused(err) {
			r.end = "" // the vendor has forgotten it
			return nil
		}
		if err != nil || unknown == 0 || page.Last == "" {
			return err
		}
		r.end = page.Last
	}
	return nil
}

// isRefused reports whether the vendor refused a call for what was asked.
func isRefused(err error) bool {
	return errors.Is(err, geelark.CodeParameter) || errors.Is(err, geelark.CodeNoResource) || errors.Is(err, geelark.CodePage)
}

// isDue reports whether the whole list is to be gone through.
func (r *Reader) isDue(total int) bool {
	now := r.now()
	since := now.Sub(r.passed)
	if since >= again {
		return true
	}
	return r.tracker.known(now) < total && (!r.vain || since >= patience)
}

// walk goes on with a pass.
func (r *Reader) walk(ctx context.Context) error {
	for p := r.pass; r.pass != nil; {
		page, unknown, err := r.page(ctx, p.last)
		if p.last != "" && isRefused(err) {
			page, err = &geelark.TaskPage{}, nil // the vendor has forgotten it: it was the last
		}
		if err != nil {
			return err
		}
		p.pages++
		p.found += unknown
		if len(page.Tasks)+page.Skipped > 0 && page.Last != "" && page.Last != p.last && p.pages <= Capacity/geelark.MaxTasks {
			p.last = page.Last
			continue
		}
		r.end, r.pass, r.passed, r.vain = p.last, nil, r.now(), p.found == 0
	}
	return nil
}
