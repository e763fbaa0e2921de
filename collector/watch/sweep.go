package watch

import (
	"context"
	"errors"
	"time"

	"github.com/go-kit/log/level"

	"geelark_exporter/collector/phones"
	"geelark_exporter/geelark"
)

// A sweep polls the phones that are due, in batches, the oldest first, until none
// is left. It ends early when a poll fails, and then none begins for a ttl. Its
// first call goes alone: an account that is locked, refused or out of reach is
// asked once, not concurrency times.
type sweep struct {
	*poller
	began time.Time
	woken chan struct{}

	// The poller's lock guards what is below.
	inFlight int
	starved  bool // it waits for the budget
	proven   bool // a poll has worked
	failing  bool // one has failed: it ends once nothing is in flight
}

// wake makes the sweep look again.
func (s *sweep) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

func (s *sweep) run() {
	canceled := s.workers.ctx.Done()
	for {
		room, more := s.advance()
		if !more {
			return
		}
		var elapsed <-chan time.Time
		if !room.IsZero() {
			elapsed = time.After(room.Sub(s.now()))
		}
		select {
		case <-s.woken:
		case <-elapsed:
		case <-canceled:
			canceled = nil // the polls in flight end by themselves
		}
	}
}

// advance sends what can be sent now. It reports when the budget has room again
// if that is what the sweep waits for, and whether there is anything to wait
// for at all.
func (s *sweep) advance() (room time.Time, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.notify()
	s.starved = false
	for !s.failing && !s.workers.isClosed() && !s.paused() {
		limit := s.concurrency
		if !s.proven {
			limit = 1
		}
		if s.inFlight >= limit {
			return time.Time{}, true
		}
		if !s.isDue() {
			break
		}
		place, next := s.client.ReservePhoneStatus()
		if place == nil {
			s.starved = true
			return next, true
		}
		if !s.send(place) {
			place.Cancel()
			break
		}
	}
	if s.inFlight > 0 {
		return time.Time{}, true
	}
	s.sweep = nil
	s.last.Duration = s.now().Sub(s.began)
	return time.Time{}, false
}

// send polls the next phones. It reports whether it does: not when they were
// forgotten since, or the account is closed.
func (s *sweep) send(place *geelark.Reservation) bool {
	batch := s.store.Take(geelark.MaxStatusIDs)
	if len(batch) == 0 {
		return false
	}
	if !s.workers.begin(func() {
		err := s.workers.safely(func() error { return s.ask(place, batch) })
		if _, panicked := errors.AsType[*panicError](err); panicked {
			s.store.GiveBack(batch, s.now())
		}
		s.finish(batch, err)
	}) {
		s.store.GiveBack(batch, time.Time{})
		return false
	}
	s.inFlight++
	return true
}

// finish takes in how a poll went.
func (s *sweep) finish(batch []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	s.wake()
	switch {
	case err == nil && s.failing:
		s.last.LastSuccess = s.now() // but a poll beside it has failed
	case err == nil:
		s.proven = true
		s.worked()
	case errors.Is(err, geelark.ErrNotSent) || s.workers.isClosed():
		// Nothing was learned.
	default:
		s.record(err)
		s.failed(batch, s.failing)
		s.failing = true
	}
}

// ask looks up one batch.
func (s *sweep) ask(place *geelark.Reservation, batch []string) error {
	ctx, cancel := context.WithTimeout(s.workers.ctx, s.timeout)
	defer cancel()
	answer, err := place.PhoneStatus(ctx, batch)
	if err != nil {
		_, unsigned := errors.AsType[*geelark.CredentialsError](err)
		if unsigned || errors.Is(err, geelark.ErrNotSent) {
			s.store.GiveBack(batch, time.Time{})
		} else {
			s.store.GiveBack(batch, s.now())
		}
		return err
	}
	observations := observationsOf(batch, answer)
	s.counts.fail(s.failuresIn(answer, observations))
	s.oddities.see(s.logger, geelark.EndpointPhoneStatus, answer.Oddities, batch)
	level.Debug(s.logger).Log("msg", "Polled", "phones", len(batch))
	s.store.Observe(observations)
	s.store.GiveBack(batch, s.now())
	return nil
}

// failuresIn returns every failure that an answer reports of a tracked phone,
// whatever else it says of it, and those of phones that it left out. What it
// repeats is returned once.
func (s *sweep) failuresIn(answer *geelark.PhoneStatuses, observations []phones.Observation) []phones.Failure {
	type report struct {
		id string
		phones.Failure
	}
	reported := make(map[report]bool)
	for _, f := range answer.Failures {
		if s.store.Tracks(f.ID) {
			reported[report{f.ID, failureOf(f)}] = true
		}
	}
	for _, o := range observations {
		if o.Failure != (phones.Failure{}) {
			reported[report{o.ID, o.Failure}] = true
		}
	}
	var failures []phones.Failure
	for r := range reported {
		failures = append(failures, r.Failure)
	}
	return failures
}

// observationsOf reads an answer: one observation for each id of the batch,
// none for ids that nobody asked for. When an answer names an id more than
// once, its last status counts, and a status before a failure: only a phone
// that exists can have one.
func observationsOf(batch []string, answer *geelark.PhoneStatuses) []phones.Observation {
	place := make(map[string]int, len(batch))
	observations := make([]phones.Observation, len(batch))
	for i, id := range batch {
		place[id] = i
		observations[i] = phones.Observation{ID: id, At: answer.At, Failure: phones.Failure{Kind: phones.Missing}}
	}
	for _, f := range answer.Failures {
		if i, ok := place[f.ID]; ok {
			observations[i].Failure = failureOf(f)
		}
	}
	for _, s := range answer.Phones {
		if i, ok := place[s.ID]; ok {
			observations[i] = phones.Observation{ID: s.ID, At: answer.At, SerialName: s.SerialName, Status: s.Status}
		}
	}
	return observations
}

func failureOf(f geelark.PhoneFailure) phones.Failure {
	if f.Malformed {
		return phones.Failure{Kind: phones.Malformed}
	}
	return phones.FailedWith(f.Code)
}
