package watch

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"geelark_exporter/geelark"
)

// Outcomes of an [AccountError] beside those of
// geelark_api_requests_total: these requests were not sent.
const (
	OutcomeNotSent     = "not_sent"    // for want of budget
	OutcomeCredentials = "credentials" // for want of credentials
	OutcomeIDsFile     = "ids_file"    // no request: the ids file could not be read
	OutcomeInterrupted = "interrupted" // whoever asked gave up
	OutcomeOther       = "other"
)

// An AccountError is why calls for an account failed. It holds no secret.
type AccountError struct {
	Collector string
	Endpoint  geelark.Endpoint // "" where it is not known
	Outcome   string           // a code, an HTTP status, a geelark.Reason, or one of the Outcome constants
	IsCode    bool             // Outcome is a geelark.Code
	Message   string           // the vendor's, or the text of an error without an endpoint
	TraceID   string           // of the last; the vendor's support asks for it
	AppID     string           // in key mode; the support asks for it too

	First, Last time.Time
	Times       int       // in a row
	Ongoing     bool      // nothing has worked since
	Ended       time.Time // when something worked again, or failed in another way; zero while Ongoing
}

func (e *AccountError) end(now time.Time) {
	if e.Ongoing {
		e.Ongoing, e.Ended = false, now
	}
}

// maxRecentErrors is about what a person reads.
const maxRecentErrors = 10

// recentErrors remembers the last errors of an account, the latest last. It is
// safe for concurrent use.
type recentErrors struct {
	mu   sync.Mutex
	list []AccountError
	logs map[string]*FailureLog // by what is tried
}

// of returns a function to be told how a collector's calls went.
func (r *recentErrors) of(collector string, now func() time.Time) func(error) {
	return func(err error) { r.record(collector, err, now()) }
}

// logging is of, and logs too how the calls went.
func (r *recentErrors) logging(collector string, l *FailureLog) func(error) {
	l = r.shared(l)
	record := r.of(collector, l.now)
	return func(err error) {
		record(err)
		l.Report(err)
	}
}

// shared returns the log that an account before this one had of the same, or l.
func (r *recentErrors) shared(l *FailureLog) *FailureLog {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.logs == nil {
		r.logs = make(map[string]*FailureLog)
	}
	if before := r.logs[l.what]; before != nil {
		return before
	}
	r.logs[l.what] = l
	return l
}

// end takes all errors for over, whatever came of what failed.
func (r *recentErrors) end(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.list {
		r.list[i].end(now)
	}
	for _, l := range r.logs {
		l.Forget()
	}
}

// ofEndpoint returns a function to be told how a collector's calls of one of its
// endpoints went, of which one may work while the other fails.
func (r *recentErrors) ofEndpoint(collector string, e geelark.Endpoint, now func() time.Time) func(error) {
	return func(err error) { r.recordOf(collector, e, err, now()) }
}

func (r *recentErrors) record(collector string, err error, now time.Time) {
	r.recordOf(collector, "", err, now)
}

// recordOf takes in how calls of an endpoint went, or of all that the collector
// calls when that is "".
func (r *recentErrors) recordOf(collector string, of geelark.Endpoint, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		for i, e := range r.list {
			if e.Collector == collector && (of == "" || e.Endpoint == of) {
				r.list[i].end(now)
			}
		}
		return
	}
	for _, e := range accountErrors(err) {
		e.Endpoint = cmp.Or(e.Endpoint, of)
		e.Collector, e.First, e.Last, e.Times, e.Ongoing = collector, now, now, 1, true
		for i, before := range slices.Backward(r.list) {
			if !before.Ongoing || before.Collector != collector || before.Endpoint != e.Endpoint {
				continue
			}
			if before.Outcome == e.Outcome {
				e.First, e.Times = before.First, before.Times+1
				r.list = slices.Delete(r.list, i, i+1)
			} else {
				r.list[i].end(now)
			}
		}
		r.list = append(r.list, e)
	}
	r.list = slices.Delete(r.list, 0, max(0, len(r.list)-maxRecentErrors))
}

// latest returns the errors, the latest first.
func (r *recentErrors) latest() []AccountError {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.list)
	slices.Reverse(list)
	return list
}

// accountErrors are the failures that err is made of: several when it joins
// those of several calls. A call that a pause held back is none: what began the
// pause was one.
func accountErrors(err error) []AccountError {
	var list []AccountError
	typed := false
	var walk func(error)
	walk = func(err error) {
		e := AccountError{}
		//nolint:errorlint // it is the chain that is walked
		switch err := err.(type) {
		case *geelark.APIError:
			e.Endpoint, e.Outcome, e.IsCode = err.Endpoint, strconv.Itoa(int(err.Code)), true
			e.Message, e.TraceID, e.AppID = err.Message, err.TraceID, err.AppID
		case *geelark.HTTPError:
			e.Endpoint, e.Outcome, e.TraceID = err.Endpoint, strconv.Itoa(err.StatusCode), err.TraceID
		case *geelark.TransportError:
			// Its text is left out: what the network says is not vouched for.
			e.Endpoint, e.Outcome, e.TraceID = err.Endpoint, string(err.Reason), err.TraceID
		case *geelark.LimitError:
			typed = true
			if err.Paused() {
				return
			}
			e.Endpoint, e.Outcome = err.Endpoint, OutcomeNotSent
		case *idsFileError:
			e.Outcome, e.Message = OutcomeIDsFile, err.Error()
		case *geelark.CredentialsError:
			e.Outcome, e.Message = OutcomeCredentials, err.Err.Error()
		case interface{ Unwrap() []error }:
			for _, part := range err.Unwrap() {
				walk(part)
			}
			return
		default:
			if inner := errors.Unwrap(err); inner != nil {
				walk(inner)
			}
			return
		}
		typed = true
		list = append(list, e)
	}
	walk(err)
	switch {
	case typed:
	case errors.Is(err, geelark.ErrNotSent):
		list = append(list, AccountError{Outcome: OutcomeNotSent})
	default:
		list = append(list, AccountError{Outcome: OutcomeOther, Message: err.Error()})
	}
	return list
}
