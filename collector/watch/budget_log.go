package watch

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"maps"
	"slices"
	"sync"
	"time"

	"geelark_exporter/collector/state"
	"geelark_exporter/geelark"
)

// budgetLog keeps on disk what was spent of the API's limits, for each credentials
// and address, so that a restart breaks no limit and asks no locked API again.
//
// What it is told by a [geelark.Journal] is written before the requests leave, a
// few requests at a time. A process that finds it cannot know which of the last
// ones were sent, nor when exactly: each counts as ended when the next was told of,
// or with the restart.
type budgetLog struct {
	now func() time.Time
	log *state.Log

	mu    sync.Mutex
	spent map[budgetID]map[geelark.Endpoint]*spent
	// since is from when on it is known what was spent: another process may have to
	// go on doubting what was spent before.
	since map[budgetID]time.Time
}

// A budgetID stands for credentials and an address.
type budgetID [16]byte

func (k budgetKey) id() budgetID {
	sum := sha256.Sum256(append(k.credentials[:], k.baseURL...))
	return budgetID(sum[:]) // the beginning
}

// spent is what is known of an endpoint's budget.
type spent struct {
	ended []time.Time
	told  []telling
	geelark.Past
}

type telling struct {
	at       time.Time
	requests int
}

// latency is how long a request can take that was sent just before the next were
// told of.
const latency = 10 * time.Second

// kept is how long it is known that a request has ended: the longest window, and what
// a clock is set back by at the most.
const kept = time.Hour + time.Minute

// past is what the endpoint's budget is after a restart. A pause can be over.
func (s *spent) past(now time.Time) geelark.Past {
	s.prune(now)
	p := s.Past
	p.Ended = slices.Clone(s.ended)
	for i, t := range s.told {
		for range t.requests {
			p.Ended = append(p.Ended, s.endOf(i, now))
		}
	}
	return p
}

// endOf is when the requests have ended at the latest that were told of at a place.
func (s *spent) endOf(place int, now time.Time) time.Time {
	if place+1 < len(s.told) {
		if end := s.told[place+1].at.Add(latency); end.Before(now) {
			return end
		}
	}
	return now
}

// prune forgets what left the longest window.
func (s *spent) prune(now time.Time) {
	s.ended = slices.DeleteFunc(s.ended, func(t time.Time) bool { return now.Sub(t) > kept })
	for now.Sub(s.endOf(0, now)) > kept {
		s.told = s.told[1:]
	}
}

// A budgetRecord is something that became known of an endpoint's budget. Times are
// Unix times in nanoseconds: a window must not close early.
type budgetRecord struct {
	ID       budgetID
	Endpoint geelark.Endpoint
	Ended    []int64 // requests that have ended
	At       int64   // when Requests were told of
	Requests int
	Until    int64 // the end of a pause
	Code     geelark.Code
	Status   int
	Tenths   int   // of the limit, which others spend from too
	Lowered  int64 // when so many were left
	Since    int64 // from when on it is known what was spent, of all endpoints
}

// newBudgetLog reads what was spent before. A nil directory is none: then nothing is
// known.
func newBudgetLog(d *state.Directory, now func() time.Time) *budgetLog {
	l := &budgetLog{now: now, spent: make(map[budgetID]map[geelark.Endpoint]*spent), since: make(map[budgetID]time.Time)}
	if d == nil {
		return l
	}
	l.log = d.Log("budgets", 1, l.replay, l.say)
	// What the process before has spent is settled now: a restart costs a budget
	// what was told and not sent, but not again with each.
	t := now()
	for _, endpoints := range l.spent {
		for e, s := range endpoints {
			endpoints[e] = &spent{ended: s.past(t).Ended, Past: s.Past}
		}
	}
	if !l.log.Whole() || !l.log.Rewrite() {
		clear(l.since) // something is missing, or what is spent now will be
	}
	return l
}

func (l *budgetLog) at(id budgetID, e geelark.Endpoint) *spent {
	if l.spent[id] == nil {
		l.spent[id] = make(map[geelark.Endpoint]*spent)
	}
	if l.spent[id][e] == nil {
		l.spent[id][e] = new(spent)
	}
	return l.spent[id][e]
}

func (l *budgetLog) replay(record []byte) error {
	var r budgetRecord
	if err := decode(record, &r); err != nil {
		return err
	}
	if r.Since != 0 {
		l.since[r.ID] = time.Unix(0, r.Since)
		return nil
	}
	s := l.at(r.ID, r.Endpoint)
	for _, ns := range r.Ended {
		s.ended = append(s.ended, time.Unix(0, ns))
	}
	if r.Requests != 0 {
		s.told = append(s.told, telling{time.Unix(0, r.At), r.Requests})
	}
	if r.Until != 0 {
		s.PausedUntil, s.Code, s.Status = time.Unix(0, r.Until), r.Code, r.Status
	}
	if r.Lowered != 0 {
		s.Tenths, s.LoweredAt = r.Tenths, time.Unix(0, r.Lowered)
	}
	return nil
}

// say adds all that is known. The lock is held.
func (l *budgetLog) say(add func([]byte)) {
	now := l.now()
	for id, endpoints := range l.spent {
		for e, s := range endpoints {
			s.prune(now)
			r := budgetRecord{ID: id, Endpoint: e}
			for _, t := range s.ended {
				r.Ended = append(r.Ended, t.UnixNano())
			}
			if s.PausedUntil.After(now) {
				r.Until, r.Code, r.Status = s.PausedUntil.UnixNano(), s.Code, s.Status
			}
			if now.Sub(s.LoweredAt) < kept {
				r.Tenths, r.Lowered = s.Tenths, s.LoweredAt.UnixNano()
			}
			if len(r.Ended) == 0 && len(s.told) == 0 && r.Until == 0 && r.Lowered == 0 {
				delete(endpoints, e)
				continue
			}
			add(encode(r))
			for _, t := range s.told {
				add(encode(budgetRecord{ID: id, Endpoint: e, At: t.at.UnixNano(), Requests: t.requests}))
			}
		}
		if len(endpoints) == 0 {
			delete(l.spent, id)
		}
	}
	for id, since := range l.since {
		if l.spent[id] == nil && now.Sub(since) > time.Hour { // nothing of it would be missed
			delete(l.since, id)
			continue
		}
		add(encode(budgetRecord{ID: id, Since: since.UnixNano()}))
	}
}

func encode(v any) []byte {
	var b bytes.Buffer
	_ = gob.NewEncoder(&b).Encode(v) // a buffer takes everything, and what is encoded is of this package
	return b.Bytes()
}

// past returns what was spent with credentials before.
func (l *budgetLog) past(id budgetID) map[geelark.Endpoint]geelark.Past {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	past := make(map[geelark.Endpoint]geelark.Past)
	for e, s := range maps.All(l.spent[id]) {
		past[e] = s.past(now)
	}
	return past
}

// knownSince returns from when on it is known what was spent with credentials. What is
// told of them for the first time is known as long as of those whose place they take,
// or from now on.
func (l *budgetLog) knownSince(id, old budgetID, now time.Time) time.Time {
	if l.log == nil {
		return now
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.since[id]; !known {
		since, known := l.since[old]
		if !known {
			since = now
		}
		l.since[id] = since
		l.write(budgetRecord{ID: id, Since: since.UnixNano()})
	}
	return l.since[id]
}

// copied keeps what was spent with credentials whose place others have taken as spent
// with these too.
func (l *budgetLog) copied(id budgetID, past map[geelark.Endpoint]geelark.Past) {
	if l.log == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for e, p := range past {
		r := budgetRecord{ID: id, Endpoint: e}
		for _, t := range p.Ended {
			r.Ended = append(r.Ended, t.UnixNano())
		}
		s := l.at(id, e)
		s.ended = append(s.ended, p.Ended...)
		if !p.LoweredAt.IsZero() {
			s.Tenths, s.LoweredAt = p.Tenths, p.LoweredAt
			r.Tenths, r.Lowered = p.Tenths, p.LoweredAt.UnixNano()
		}
		l.write(r)
	}
}

// write appends a record. A log that lacks one is worse than none.
func (l *budgetLog) write(r budgetRecord) {
	if !l.log.Append(encode(r)) {
		l.log.Discard()
	}
}

// A budgetJournal tells a log what is spent with some credentials.
type budgetJournal struct {
	log *budgetLog
	id  budgetID
}

// Spend implements [geelark.Journal].
func (j budgetJournal) Spend(e geelark.Endpoint, requests int, now time.Time) {
	l := j.log
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.at(j.id, e)
	s.told = append(s.told, telling{now, requests})
	l.write(budgetRecord{ID: j.id, Endpoint: e, At: now.UnixNano(), Requests: requests})
}

// Pause implements [geelark.Journal]. A pause outlives the machine too.
func (j budgetJournal) Pause(e geelark.Endpoint, until time.Time, code geelark.Code, status int) {
	l := j.log
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.at(j.id, e)
	s.PausedUntil, s.Code, s.Status = until, code, status
	l.write(budgetRecord{ID: j.id, Endpoint: e, Until: until.UnixNano(), Code: code, Status: status})
	l.log.Sync()
}

// Lower implements [geelark.Journal].
func (j budgetJournal) Lower(e geelark.Endpoint, tenths int, now time.Time) {
	l := j.log
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.at(j.id, e)
	s.Tenths, s.LoweredAt = tenths, now
	l.write(budgetRecord{ID: j.id, Endpoint: e, Tenths: tenths, Lowered: now.UnixNano()})
}
