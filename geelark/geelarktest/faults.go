package geelarktest

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"geelark_exporter/geelark"
)

// A Fault says which requests go wrong, and how. When several faults match a
// request, all of them happen: latencies add up, lists join, and where only
// one can be (a code, an HTTP status, a body) the one injected first wins.
//
// Faulty requests are counted and spend the account's limits as any other.
// Drop, Hang, HTTPStatus and Body come before the API itself, as a gateway's
// errors do; all others need a request that the API would answer, so a
// request with a wrong token is still refused with 40003.
//
// The slice and the map of an injected fault must not be changed.
type Fault struct {
	// Which requests.

	Endpoint string // "phone/status" and so on; empty: every endpoint
	Times    int    // how many requests it hits; 0: until it is removed

	// Before the request is handled. Before is called without the server's
	// lock, so that it can change the fleet between two pages of a list;
	// concurrent requests call it concurrently.

	Before  func(endpoint string)
	Latency time.Duration // waits this long by the process's clock, or until the request's context ends
	Hang    bool          // never answers: waits until the request's context ends

	// Instead of an answer.

	Drop        bool   // resets the connection
	HTTPStatus  int    // with Body, or the status's own text
	Body        []byte // raw bytes; with HTTP status 200 unless HTTPStatus is set
	ContentType string // of Body; empty: text/html

	// Instead of a success.

	Code     geelark.Code // the envelope's code; 0: as it is
	Message  string       // the envelope's msg; empty: a usual one
	WithData bool         // with Code: handle the request and keep its data, as 40006 and 40009 do

	// In an answer.

	FailIDs map[string]geelark.Code // these fail, and nothing is done to them: phone/status, phone/start, phone/stop
	OmitIDs []string                // these are left out: there and in phone/list

	// Rewrite changes what goes back, whatever it is, in any other way; see
	// Omit, Set and Edit. It is called without the server's lock, and
	// concurrently for concurrent requests.
	Rewrite func(*Reply)
}

// faults are the injected ones that still are in force, in order.
type faults struct{ list []*Fault }

// Inject lets requests go wrong from now on, until Times requests have, or
// until the function that it returns is called; that may be done repeatedly.
func (s *Server) Inject(f Fault) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.list = append(s.faults.list, &f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults.remove(&f)
	}
}

func (fs *faults) remove(f *Fault) {
	fs.list = slices.DeleteFunc(fs.list, func(g *Fault) bool { return g == f })
}

// match returns all that goes wrong with a request, as one fault.
func (fs *faults) match(endpoint string) Fault {
	var all Fault
	for _, f := range slices.Clone(fs.list) {
		if f.Endpoint != "" && f.Endpoint != endpoint {
			continue
		}
		all.join(*f)
		if f.Times--; f.Times == 0 {
			fs.remove(f)
		}
	}
	return all
}

// join adds another fault to f.
func (f *Fault) join(g Fault) {
	if first, second := f.Before, g.Before; first == nil {
		f.Before = second
	} else if second != nil {
		f.Before = func(endpoint string) { first(endpoint); second(endpoint) }
	}
	f.Latency += g.Latency
	f.Hang = f.Hang || g.Hang
	f.Drop = f.Drop || g.Drop
	if f.HTTPStatus == 0 && f.Body == nil {
		f.HTTPStatus, f.Body, f.ContentType = g.HTTPStatus, g.Body, g.ContentType
	}
	if f.Code == geelark.CodeOK {
		f.Code, f.WithData = g.Code, g.WithData
		f.Message = cmp.Or(f.Message, g.Message)
	}
	if first, second := f.Rewrite, g.Rewrite; first == nil {
		f.Rewrite = second
	} else if second != nil {
		f.Rewrite = func(r *Reply) { first(r); second(r) }
	}
	if f.FailIDs == nil {
		f.FailIDs = map[string]geelark.Code{}
	}
	for id, code := range g.FailIDs {
		if _, taken := f.FailIDs[id]; !taken {
			f.FailIDs[id] = code
		}
	}
	f.OmitIDs = append(f.OmitIDs, g.OmitIDs...)
}

// delay waits as the fault says, or until the context ends, which is an error.
func (f Fault) delay(ctx context.Context) error {
	if f.Latency > 0 {
		timer := time.NewTimer(f.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if f.Hang {
		<-ctx.Done()
	}
	return ctx.Err()
}

// raw is the answer that has no envelope.
func (f Fault) raw() Reply {
	status, body := cmp.Or(f.HTTPStatus, http.StatusOK), f.Body
	if body == nil {
		body = []byte(http.StatusText(status))
	}
	return Reply{status, contentType(cmp.Or(f.ContentType, "text/html")), bytes.Clone(body), 0}
}

func contentType(t string) http.Header { return http.Header{"Content-Type": {t}} }

// finish makes the last changes to an answer.
func (f Fault) finish(r Reply, now time.Time) Reply {
	r.Header.Set("Date", now.UTC().Format(http.TimeFormat))
	if f.Rewrite != nil {
		f.Rewrite(&r)
	}
	return r
}
